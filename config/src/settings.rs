//! The checked settings.

use std::path::PathBuf;

/// Everything that can be set about a server.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub data: PathBuf,
    pub listen: String,
    pub copy_roots: Vec<PathBuf>,
}
