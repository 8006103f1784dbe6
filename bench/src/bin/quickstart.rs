//! The second half of `./quickstart`: everything after the build.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench::quickstart::main()
}
