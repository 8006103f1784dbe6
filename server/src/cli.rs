//! The command line of `nyala`.

use clap::{Args, Parser, Subcommand};
use config::{Layer, Settings};
use std::path::{Path, PathBuf};

/// A SQL service over columnar tablets that speaks the PostgreSQL protocol.
#[derive(Debug, Parser)]
#[command(name = "nyala", version, about, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
Start a server and talk to it:
  nyala serve --data ./nyala-data
  psql -h 127.0.0.1 -p 5433 -U postgres -d postgres

All settings, with units and reasons, are in config/default.toml. A file (--config), environment variables
NYALA_<KEY> and flags override them, in that order.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a data directory to PostgreSQL clients until SIGTERM or Ctrl-C.
    Serve(ServeArgs),
    /// Verify every checksum, reference and invariant of a data directory that no server has open.
    ///
    /// Exit code 0: sound. 1: problems were found (each is printed). 2: could not check.
    Check(CheckArgs),
    /// Print all settings and their defaults.
    Settings,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Directory of the database; created when it does not exist [default: ./nyala-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Loopback address and port to listen on; port 0 takes a free one [default: 127.0.0.1:5433]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// Directory below which COPY may read and write files; may be given several times
    #[arg(long = "copy-root", value_name = "DIR")]
    copy_roots: Vec<PathBuf>,
    /// File of settings
    #[arg(long, value_name = "FILE", env = "NYALA_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Directory of the database
    #[arg(long, value_name = "DIR", default_value = "./nyala-data")]
    pub(crate) data: PathBuf,
}

impl ServeArgs {
    /// Defaults < file < environment < flags.
    pub(crate) fn settings(self) -> base::Result<Settings> {
        let file = self.config.as_deref().map(read_config).transpose()?;
        let environment = Layer::from_environment(std::env::vars())?;
        let flags = Layer {
            data: self.data,
            listen: self.listen,
            copy_roots: (!self.copy_roots.is_empty()).then_some(self.copy_roots),
            ..Layer::default()
        };
        Settings::from_layers(file.into_iter().chain([environment, flags]))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the settings file is read before any file system object exists"
)]
fn read_config(path: &Path) -> base::Result<Layer> {
    let bytes = std::fs::read(path)
        .map_err(|e| base::Error::io(format_args!("read the settings file {}", path.display()), e))?;
    Layer::parse(&path.display().to_string(), &String::from_utf8_lossy(&bytes))
}
