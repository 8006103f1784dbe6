//! Settings: default.toml names every key; a file, the environment and flags override it.
//!
//! Must not know what any setting does.

mod settings;

pub use settings::Settings;
