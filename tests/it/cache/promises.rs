//! The refresher's promises hold with a cache in front of the exchange: the tests of
//! `tests/it/refresh` run once more, in a process of its own, with one. Those under the SDK's own
//! caches are left out: they take the longest, and those caches are on the other side.

use super::memory::{Memory, Mood};
use crate::support::child;
use aws_google_web_identity::Builder;
use aws_google_web_identity_emulator::TestClock;

const CACHE: &str = "SESSION_CACHE_OF_THE_PROMISES";

/// The builder with the cache that this process is for, if it is for one.
pub fn with_cache(builder: Builder, clock: &TestClock) -> Builder {
    let mood = match std::env::var(CACHE).as_deref() {
        Ok("works") => Mood::Works,
        Ok("panics") => Mood::Panics,
        _ => return builder,
    };
    let memory = Memory::new(clock.clone());
    memory.set(mood, None);
    builder.session_cache(memory)
}

#[tokio::test]
async fn all_hold_with_a_cache_that_works_or_panics() {
    if child::is_it() {
        return;
    }
    let run = |mood| {
        let mut command = child::command_of_module("refresh::");
        command.args(["--skip", "refresh::sdk::"]).env(CACHE, mood);
        command
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    for (mood, process) in ["works", "panics"].map(|mood| (mood, run(mood))) {
        let output = process.wait_with_output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{mood}: {printed}");
        assert!(!printed.contains("running 0 tests"), "{mood}: {printed}");
    }
}
