//! Runs every .slt file embedded, flushed, restarted, over the wire, and on a PostgreSQL 15 that confirms the
//! answers; one test per file and way.
//!
//! `skipif restarted` and the like leave out records that need one session throughout.
#![expect(clippy::disallowed_methods, reason = "the driver lists the test files")]

use libtest_mimic::{Arguments, Failed, Trial};
use sql_tests::embedded::{Between, Embedded};
use sql_tests::postgres::{self, Postgres};
use sql_tests::wire::Wire;
use sqllogictest::{AsyncDB, Runner};
use std::path::{Path, PathBuf};

fn main() {
    let arguments = Arguments::from_args();
    let trials = files().into_iter().flat_map(|file| {
        let ways =
            [("embedded", Between::Nothing), ("flushed", Between::Flush), ("restarted", Between::Restart)];
        let name = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let wire = file.clone();
        let mut trials =
            vec![Trial::test(format!("{name}::wire"), move || run(&wire, || async { Wire::start().await }))];
        let peer = file.clone();
        // Ignored, and counted as such, where PostgreSQL 15 cannot be installed.
        trials.push(
            Trial::test(format!("{name}::postgres"), move || {
                run(&peer, || async { Postgres::start().await })
            })
            .with_ignored_flag(!postgres::is_installed()),
        );
        trials.extend(ways.map(|(way, between)| {
            let file = file.clone();
            Trial::test(format!("{name}::{way}"), move || {
                run(&file, || async { Embedded::start(between).map_err(Into::into) })
            })
        }));
        trials
    });
    let trials: Vec<Trial> = trials.collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("slt");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "slt"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no .slt files in {}", directory.display());
    files
}

fn run<D, M>(file: &Path, start: impl FnMut() -> M) -> Result<(), Failed>
where
    D: AsyncDB,
    M: Future<Output = Result<D, D::Error>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let mut runner = Runner::new(start);
        let outcome = runner.run_file_async(file).await;
        runner.shutdown_async().await;
        outcome.map_err(|e| Failed::from(e.display(false).to_string()))
    })
}
