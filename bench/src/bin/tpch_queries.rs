//! Prints the 22 TPC-H queries, each behind a line `-- Qn`, for drivers in other languages.

use clap::Parser;
use std::process::ExitCode;

/// Prints the 22 TPC-H queries with the specification's validation values.
#[derive(Debug, Parser)]
struct Arguments {
    /// Scale factor; a fraction in query 11 depends on it.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Print the CREATE TABLE statements instead, each behind a line `-- table`.
    #[arg(long)]
    tables: bool,
}

#[expect(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.tables {
        for table in bench::tpch::tables::TABLES {
            println!("-- {}\n{};", table.name, table.create);
        }
        return ExitCode::SUCCESS;
    }
    for number in bench::tpch::answers::QUERIES {
        match bench::tpch::answers::query(number, arguments.scale) {
            Ok(text) => println!("-- Q{number}\n{text};"),
            Err(error) => {
                eprintln!("nyala-tpch-queries: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
