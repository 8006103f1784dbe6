//! The program `nyala`: parses the command line, opens the database, serves it.

use clap::Parser;
use std::process::ExitCode;

mod cli;
mod commands;
mod process;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    process::set_up();
    let outcome = match cli::Cli::parse().command {
        cli::Command::Serve(args) => args.settings().and_then(commands::serve),
        cli::Command::Check(args) => commands::check(&args.data),
        cli::Command::Settings => Ok(commands::settings()),
    };
    outcome.unwrap_or_else(|error| {
        commands::report(&error);
        ExitCode::from(2)
    })
}
