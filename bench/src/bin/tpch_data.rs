//! Writes TPC-H data as Parquet files.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;

/// Writes the eight TPC-H tables as Parquet files.
#[derive(Debug, Parser)]
struct Arguments {
    /// Scale factor; 1 is about a gigabyte of text.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Directory of the files.
    #[arg(long)]
    output: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match bench::tpch::data::generate(&arguments.output, arguments.scale) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nyala-tpch-data: {error}");
            ExitCode::FAILURE
        }
    }
}
