//! The checked settings, complete and typed.
//!
//! Invariant: every field has a key of the same name in default.toml.

use crate::layer::Layer;
use base::{Error, ErrorKind, Result};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

/// More than any machine has cores.
const QUERY_THREADS_MAX: usize = 1_024;

/// Everything that can be set about a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub copy_roots: Vec<PathBuf>,
    pub connections_max: usize,
    pub startup_timeout_ms: u64,
    pub query_memory_bytes: usize,
    pub query_spill_bytes_max: u64,
    /// At least one.
    pub query_threads: usize,
    /// At least one.
    pub query_batch_rows: usize,
    pub memtable_bytes_max: usize,
    pub memtable_flush_bytes: usize,
    pub transaction_buffer_bytes: usize,
    pub log_file_bytes: u64,
    pub checkpoint_log_bytes: u64,
    pub segment_rows_max: usize,
    pub segment_cache_bytes: u64,
    pub history_retention_seconds: u64,
    pub history_bytes_min: u64,
    pub segment_read_back: bool,
}

impl Settings {
    /// The defaults overridden by `layers`, later ones first in precedence.
    pub fn from_layers(layers: impl IntoIterator<Item = Layer>) -> Result<Self> {
        let all = layers.into_iter().fold(Layer::defaults()?, Layer::overridden_by);
        Self::check(all)
    }

    fn check(layer: Layer) -> Result<Self> {
        Ok(Self {
            data: required("data", layer.data)?,
            listen: listen(&required("listen", layer.listen)?)?,
            copy_roots: required("copy_roots", layer.copy_roots)?,
            connections_max: at_least("connections_max", layer.connections_max, 1)?,
            startup_timeout_ms: at_least("startup_timeout_ms", layer.startup_timeout_ms, 1)?,
            query_memory_bytes: at_least("query_memory_bytes", layer.query_memory_bytes, 16 << 20)?,
            query_spill_bytes_max: required("query_spill_bytes_max", layer.query_spill_bytes_max)?,
            query_threads: match required("query_threads", layer.query_threads)? {
                0 => std::thread::available_parallelism().map_or(1, usize::from),
                threads if threads > QUERY_THREADS_MAX => {
                    let message = format!(
                        "setting query_threads is {threads}, but must be at most {QUERY_THREADS_MAX}"
                    );
                    return Err(Error::new(ErrorKind::InvalidParameterValue, message));
                }
                threads => threads,
            },
            query_batch_rows: at_least("query_batch_rows", layer.query_batch_rows, 1)?,
            memtable_bytes_max: at_least("memtable_bytes_max", layer.memtable_bytes_max, 1 << 20)?,
            memtable_flush_bytes: at_least("memtable_flush_bytes", layer.memtable_flush_bytes, 1 << 10)?,
            transaction_buffer_bytes: at_least(
                "transaction_buffer_bytes",
                layer.transaction_buffer_bytes,
                1 << 10,
            )?,
            // A file must hold its header and the largest record.
            log_file_bytes: at_least("log_file_bytes", layer.log_file_bytes, 17 << 20)?,
            checkpoint_log_bytes: at_least("checkpoint_log_bytes", layer.checkpoint_log_bytes, 1 << 20)?,
            segment_rows_max: at_least("segment_rows_max", layer.segment_rows_max, 8_192)?,
            segment_cache_bytes: required("segment_cache_bytes", layer.segment_cache_bytes)?,
            history_retention_seconds: required(
                "history_retention_seconds",
                layer.history_retention_seconds,
            )?,
            history_bytes_min: required("history_bytes_min", layer.history_bytes_min)?,
            segment_read_back: required("segment_read_back", layer.segment_read_back)?,
        })
    }
}

fn required<T>(key: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::internal(format!("setting {key} has no default")))
}

fn at_least<T: PartialOrd + std::fmt::Display>(key: &str, value: Option<T>, min: T) -> Result<T> {
    let value = required(key, value)?;
    if value < min {
        let message = format!("setting {key} is {value}, but must be at least {min}");
        return Err(Error::new(ErrorKind::InvalidParameterValue, message));
    }
    Ok(value)
}

fn listen(text: &str) -> Result<SocketAddr> {
    let invalid = |message: String| Error::new(ErrorKind::InvalidParameterValue, message);
    let address = text
        .to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| invalid(format!("setting listen is \"{text}\", but must be HOST:PORT")))?;
    if !address.ip().is_loopback() {
        let message = format!("cannot listen on {address}: only loopback addresses are accepted");
        return Err(invalid(message)
            .with_hint("There is neither encryption nor a password yet. Use 127.0.0.1 and reach it through an SSH tunnel."));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use crate::layer::Layer;
    use base::ErrorKind;

    #[test]
    fn every_key_has_a_default() {
        let settings = Settings::from_layers([]).unwrap();
        assert_eq!(settings.listen.port(), 5433);
        assert!(settings.query_threads >= 1);
    }

    #[test]
    fn later_layers_win_and_are_checked() {
        let file = Layer::parse("settings.toml", "listen = \"127.0.0.1:1\"\nconnections_max = 7").unwrap();
        let flags = Layer { listen: Some("127.0.0.1:2".to_owned()), ..Layer::default() };
        let settings = Settings::from_layers([file, flags]).unwrap();
        assert_eq!((settings.listen.port(), settings.connections_max), (2, 7));

        let open = Layer { listen: Some("0.0.0.0:5433".to_owned()), ..Layer::default() };
        let error = Settings::from_layers([open]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidParameterValue);
        assert!(error.hint().is_some());
    }

    /// What default.toml says of least values is what is refused, key by key.
    #[test]
    fn least_values_are_as_documented() {
        let mut documented = 0;
        for paragraph in include_str!("../default.toml").split("\n\n") {
            let Some((_, told)) = paragraph.split_once("At least ") else { continue };
            let least: u64 = told.split_once(|c: char| !c.is_ascii_digit()).unwrap().0.parse().unwrap();
            let (key, _) = paragraph.lines().last().unwrap().split_once(" = ").unwrap();
            let with = |value: u64| {
                Settings::from_layers([Layer::parse("settings.toml", &format!("{key} = {value}")).unwrap()])
            };
            with(least).unwrap();
            let error = with(least - 1).unwrap_err();
            assert_eq!(
                error.message(),
                format!("setting {key} is {}, but must be at least {least}", least - 1)
            );
            documented += 1;
        }
        assert_eq!(documented, 10, "as many as are checked above");
    }
}
