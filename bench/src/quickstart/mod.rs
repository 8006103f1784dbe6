//! The quickstart: a newcomer's first ten minutes, run by a program that checks every step.

mod server;
mod steps;

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Loads TPC-H, runs and checks its queries, writes, kills the server, restarts it, backs up and restores.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// TPC-H scale factor.
    #[arg(long, default_value_t = 0.1, value_parser = scale)]
    pub(crate) scale: f64,
    /// Stop the server at the end.
    #[arg(long)]
    pub(crate) check: bool,
    /// Port to listen on.
    #[arg(long, default_value_t = 5433)]
    pub(crate) port: u16,
    /// Directory for the database, the data files and the log of the server.
    #[arg(long, default_value = "quickstart-data")]
    pub(crate) directory: PathBuf,
    /// The server's binary.
    #[arg(long)]
    pub(crate) server: PathBuf,
}

/// Smaller scales have tables without rows; larger ones need more disk than a first look is worth.
fn scale(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(scale) if (0.01..=100.0).contains(&scale) => Ok(scale),
        _ => Err("the scale is a number from 0.01 to 100".to_owned()),
    }
}

/// Runs the quickstart; exit code 1 when a step failed.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("quickstart: could not start a runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(steps::run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            if let Some(hint) = error.hint() {
                eprintln!("hint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}
