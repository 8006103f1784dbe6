//! Settings: default.toml names every key; a file, the environment and flags override it.
//!
//! Must not know what any setting does.

mod layer;
mod settings;

pub use layer::Layer;
pub use settings::Settings;
