//! Tests of what a process finds in its environment: they run once more, in one that has nothing
//! but that.

use std::ffi::OsStr;
use std::process::Command;

const MARK: &str = "IN_A_PROCESS_OF_ITS_OWN";

/// Whether this is that process.
pub fn is_it() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Where coverage is measured, that of the process counts too.
const PROFILE: &str = "LLVM_PROFILE_FILE";

/// Runs the test with these variables and no others, and sees it pass.
pub fn run<'a>(test: &str, variables: impl IntoIterator<Item = (&'a str, &'a OsStr)>) {
    let output = command(test).envs(variables).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "{printed}"
    );
}

/// A process that runs this test alone, with none of this one's variables.
pub fn command(test: &str) -> Command {
    let mut command = command_of_module(test);
    command.arg("--exact");
    command
}

/// The same for all tests whose names begin so.
pub fn command_of_module(tests: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .arg(tests)
        .env_clear()
        .envs(std::env::var_os(PROFILE).map(|file| (PROFILE, file)))
        .env(MARK, "1");
    command
}
