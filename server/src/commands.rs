//! What each command does, and what it prints.
//!
//! Standard output carries results (the ready line, check reports); errors go to standard error.

use base::clock::SystemClock;
use base::fs::{FileSystem, LocalFileSystem};
use base::random::Random;
use base::{Error, Result};
use config::Settings;
use query::api::Engine;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use storage::{Database, StorageSettings};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Threads of the runtime that reads and writes sockets; queries run elsewhere.
const CONNECTION_THREADS: usize = 2;

pub(crate) fn serve(settings: Settings) -> Result<ExitCode> {
    check_copy_roots(&settings)?;
    let settings = Arc::new(settings);
    let fs: Arc<dyn FileSystem> = Arc::new(LocalFileSystem::open(&settings.data)?);
    let clock = Arc::new(SystemClock::new());
    let random = Arc::new(Random::from_system()?);
    let database = Database::open(fs, clock, random, storage_settings(&settings))
        .map_err(|e| advised(e.within(settings.data.display()), &settings.data))?;
    let engine = Engine::new(database.clone(), settings.clone(), spill_place(&settings)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(CONNECTION_THREADS)
        .thread_name("connection")
        .enable_all()
        .build()
        .map_err(|e| Error::io("start the connection runtime", e))?;
    let served = runtime.block_on(serve_until_signal(settings, engine));
    let closed = database.close();
    served.and(closed).map(|()| ExitCode::SUCCESS)
}

/// What to do about damage that keeps the server from starting.
fn advised(error: Error, data: &Path) -> Error {
    if error.kind() != base::ErrorKind::Corruption {
        return error;
    }
    let data = data.display();
    error.with_hint(format!(
        "Nothing was changed. `nyala check --data {data}` says what is damaged. Restore the whole directory from a \
         backup; a segment alone can be put back from any backup that has it (docs/operations.md)."
    ))
}

/// Where queries put rows aside: below the data, whose lock keeps other processes out.
fn spill_place(settings: &Settings) -> Result<Option<Arc<dyn FileSystem>>> {
    match settings.query_spill_bytes_max {
        0 => Ok(None),
        _ => Ok(Some(Arc::new(LocalFileSystem::open(settings.data.join("spill"))?))),
    }
}

/// A root that is not there is told now and not at the first COPY.
fn check_copy_roots(settings: &Settings) -> Result<()> {
    match settings.copy_roots.iter().find(|root| !root.is_dir()) {
        None => Ok(()),
        Some(root) => {
            let message = format!("copy root \"{}\" is not a directory", root.display());
            Err(Error::new(base::ErrorKind::InvalidParameterValue, message)
                .with_hint("Create it, or name another one with --copy-root."))
        }
    }
}

async fn serve_until_signal(settings: Arc<Settings>, engine: Engine) -> Result<()> {
    let (stop, stopped) = watch::channel(false);
    let listening = server::listen(&settings).await?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|e| Error::io("watch for SIGTERM", e))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|e| Error::io("watch for SIGINT", e))?;
    let address = listening.address;
    print(&format!("nyala: data {}, listening on {address}", settings.data.display()));
    print(&format!("nyala: psql -h {} -p {} -U postgres -d postgres", address.ip(), address.port()));
    let serving = server::run(settings, engine, listening, stopped);
    tokio::pin!(serving);
    tokio::select! {
        result = &mut serving => return result,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = crate::process::give_back() => {}
    }
    print("nyala: shutting down");
    // The receiver lives as long as `serving`.
    let _ = stop.send(true);
    serving.await
}

/// Segment files kept open, however many the process may have: an open one takes some kilobytes.
const OPEN_SEGMENTS_MAX: u64 = 8_192;

fn storage_settings(settings: &Settings) -> StorageSettings {
    // The other half is for connections, files that are read at the moment, and everything else.
    let open_segments_max = (crate::process::open_files_max() / 2).min(OPEN_SEGMENTS_MAX);
    StorageSettings {
        memtable_bytes_max: settings.memtable_bytes_max,
        memtable_flush_bytes: settings.memtable_flush_bytes,
        transaction_buffer_bytes: settings.transaction_buffer_bytes,
        log_file_bytes: settings.log_file_bytes,
        checkpoint_log_bytes: settings.checkpoint_log_bytes,
        segment_rows_max: settings.segment_rows_max,
        segment_cache_bytes: settings.segment_cache_bytes,
        history_retention_us: settings.history_retention_seconds.saturating_mul(1_000_000),
        history_bytes_min: settings.history_bytes_min,
        open_segments_max: usize::try_from(open_segments_max).unwrap_or(usize::MAX),
        read_back: settings.segment_read_back,
        ..StorageSettings::default()
    }
}

pub(crate) fn check(data: &Path) -> Result<ExitCode> {
    if !data.is_dir() {
        let message = format!("there is no directory {}", data.display());
        return Err(Error::new(base::ErrorKind::FileMissing, message).with_hint("Name it with --data DIR."));
    }
    let fs = Arc::new(LocalFileSystem::open(data)?);
    let report = Database::check(fs).map_err(|e| e.within(data.display()))?;
    for problem in &report.problems {
        print(&format!("problem: {problem}"));
    }
    print(&format!(
        "checked {} files, {} rows: {}",
        report.files,
        report.rows,
        match report.problems.len() {
            1 => "1 problem".to_owned(),
            count => format!("{count} problems"),
        }
    ));
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

pub(crate) fn settings() -> ExitCode {
    print(include_str!("../../config/default.toml").trim_end());
    ExitCode::SUCCESS
}

/// Prints a line of results. A reader that went away (a closed pipe) is no failure of ours.
fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let _closed = writeln!(out, "{line}").and_then(|()| out.flush());
}

pub(crate) fn report(error: &Error) {
    let mut err = std::io::stderr().lock();
    let _closed = writeln!(err, "nyala: {error}");
    if let Some(hint) = error.hint() {
        let _closed = writeln!(err, "hint: {hint}");
    }
}
