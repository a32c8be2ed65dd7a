//! Starts the emulator for programs in any language; `--help` describes it.

#![forbid(unsafe_code)]

mod program;

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    program::main().await
}
