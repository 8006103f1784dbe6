//! One source of settings: any subset of the keys.
//!
//! Invariant: an unknown key or a value of another type is an error that names the key and the source.

use base::{Error, ErrorKind, Result};
use serde::Deserialize;
use std::path::PathBuf;

const DEFAULTS: &str = include_str!("../default.toml");

/// Settings of one source; None where it is silent.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Layer {
    pub data: Option<PathBuf>,
    pub listen: Option<String>,
    pub copy_roots: Option<Vec<PathBuf>>,
    pub connections_max: Option<usize>,
    pub startup_timeout_ms: Option<u64>,
    pub query_memory_bytes: Option<usize>,
    pub query_spill_bytes_max: Option<u64>,
    pub query_threads: Option<usize>,
    pub query_batch_rows: Option<usize>,
    pub memtable_bytes_max: Option<usize>,
    pub memtable_flush_bytes: Option<usize>,
    pub transaction_buffer_bytes: Option<usize>,
    pub log_file_bytes: Option<u64>,
    pub checkpoint_log_bytes: Option<u64>,
    pub segment_rows_max: Option<usize>,
    pub segment_cache_bytes: Option<u64>,
    pub history_retention_seconds: Option<u64>,
    pub history_bytes_min: Option<u64>,
    pub segment_read_back: Option<bool>,
}

impl Layer {
    pub(crate) fn defaults() -> Result<Self> {
        Self::parse("default.toml", DEFAULTS)
    }

    /// Settings of a TOML text; `source` names it in errors.
    pub fn parse(source: &str, text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|e| {
            let message = format!("{source}: {}", e.to_string().trim_end());
            Error::new(ErrorKind::InvalidParameterValue, message)
        })
    }

    /// Settings of the environment: variables `NYALA_<KEY>`. Others that begin with NYALA_ are an error.
    pub fn from_environment(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        let mut layer = Self::default();
        for (name, value) in variables {
            // The file to read and what the tests are told have the same prefix but are no settings.
            let key = name.strip_prefix("NYALA_").filter(|key| *key != "CONFIG" && !key.starts_with("TEST_"));
            let Some(key) = key else { continue };
            let key = key.to_ascii_lowercase();
            let toml = match key.as_str() {
                "data" | "listen" => format!("{key} = {}", quoted(&value)),
                "copy_roots" => {
                    let roots: Vec<String> = value.split(':').filter(|r| !r.is_empty()).map(quoted).collect();
                    format!("{key} = [{}]", roots.join(", "))
                }
                _ => format!("{key} = {value}"),
            };
            let one = toml::from_str(&toml).map_err(|_| refused(&name, &key, &value))?;
            layer = layer.overridden_by(one);
        }
        Ok(layer)
    }

    /// `self` where `upper` is silent.
    pub(crate) fn overridden_by(self, upper: Self) -> Self {
        Self {
            data: upper.data.or(self.data),
            listen: upper.listen.or(self.listen),
            copy_roots: upper.copy_roots.or(self.copy_roots),
            connections_max: upper.connections_max.or(self.connections_max),
            startup_timeout_ms: upper.startup_timeout_ms.or(self.startup_timeout_ms),
            query_memory_bytes: upper.query_memory_bytes.or(self.query_memory_bytes),
            query_spill_bytes_max: upper.query_spill_bytes_max.or(self.query_spill_bytes_max),
            query_threads: upper.query_threads.or(self.query_threads),
            query_batch_rows: upper.query_batch_rows.or(self.query_batch_rows),
            memtable_bytes_max: upper.memtable_bytes_max.or(self.memtable_bytes_max),
            memtable_flush_bytes: upper.memtable_flush_bytes.or(self.memtable_flush_bytes),
            transaction_buffer_bytes: upper.transaction_buffer_bytes.or(self.transaction_buffer_bytes),
            log_file_bytes: upper.log_file_bytes.or(self.log_file_bytes),
            checkpoint_log_bytes: upper.checkpoint_log_bytes.or(self.checkpoint_log_bytes),
            segment_rows_max: upper.segment_rows_max.or(self.segment_rows_max),
            segment_cache_bytes: upper.segment_cache_bytes.or(self.segment_cache_bytes),
            history_retention_seconds: upper.history_retention_seconds.or(self.history_retention_seconds),
            history_bytes_min: upper.history_bytes_min.or(self.history_bytes_min),
            segment_read_back: upper.segment_read_back.or(self.segment_read_back),
        }
    }
}

/// Why a variable is no setting.
fn refused(name: &str, key: &str, value: &str) -> Error {
    let invalid = |message| Error::new(ErrorKind::InvalidParameterValue, message);
    let mut defaults = DEFAULTS.lines().filter_map(|line| line.split_once(" = "));
    match defaults.find(|(known, _)| *known == key) {
        Some((_, default)) => {
            let kind =
                if default.trim().parse::<bool>().is_ok() { "true or false" } else { "a whole number" };
            invalid(format!("environment variable {name} is \"{value}\", but must be {kind}"))
        }
        None => invalid(format!("environment variable {name} is set, but there is no setting {key}"))
            .with_hint("Unset it, or take a key that `nyala settings` prints."),
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::Layer;
    use std::path::PathBuf;

    #[test]
    fn the_environment_is_read_by_key() {
        let variables = [("NYALA_COPY_ROOTS", "/a:/b c"), ("NYALA_CONNECTIONS_MAX", "3"), ("PATH", "x")];
        let variables = variables.map(|(n, v)| (n.to_owned(), v.to_owned()));
        let layer = Layer::from_environment(variables).unwrap();
        assert_eq!(layer.copy_roots, Some(vec![PathBuf::from("/a"), PathBuf::from("/b c")]));
        assert_eq!(layer.connections_max, Some(3));
    }

    #[test]
    fn unknown_keys_and_wrong_types_name_the_source() {
        for (source, text) in [("f.toml", "colour = 1"), ("f.toml", "connections_max = \"many\"")] {
            let error = Layer::parse(source, text).unwrap_err();
            assert!(error.message().starts_with("f.toml: "), "{error}");
        }
        let unknown = [("NYALA_COLOUR".to_owned(), "1".to_owned())];
        let error = Layer::from_environment(unknown).unwrap_err();
        assert_eq!(
            error.message(),
            "environment variable NYALA_COLOUR is set, but there is no setting colour"
        );
        assert!(error.hint().is_some());
        for (key, value, kind) in [
            ("CONNECTIONS_MAX", "many", "a whole number"),
            ("CONNECTIONS_MAX", "", "a whole number"),
            ("LOG_FILE_BYTES", "-1", "a whole number"),
            ("SEGMENT_READ_BACK", "yes", "true or false"),
        ] {
            let variable = [(format!("NYALA_{key}"), value.to_owned())];
            let error = Layer::from_environment(variable).unwrap_err();
            let expected = format!("environment variable NYALA_{key} is \"{value}\", but must be {kind}");
            assert_eq!(error.message(), expected);
        }
    }
}
