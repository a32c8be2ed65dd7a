//! The refresher's promises hold with a cache in front of the exchange: every test of
//! `tests/it/refresh` runs once more, in a process of its own, with one.

use super::memory::{Memory, Mood};
use crate::support::child;
use aws_google_web_identity::Builder;
use aws_google_web_identity_emulator::TestClock;

const CACHE: &str = "SESSION_CACHE_OF_THE_PROMISES";

/// The builder with the cache that this process is for, if it is for one.
pub fn with_cache(builder: Builder, clock: &TestClock) -> Builder {
    let mood = match std::env::var(CACHE).as_deref() {
        Ok("works") => Mood::Works,
        Ok("fails") => Mood::Fails,
        Ok("panics") => Mood::Panics,
        _ => return builder,
    };
    let memory = Memory::new(clock.clone());
    memory.set(mood, None);
    builder.session_cache(memory)
}

#[tokio::test]
async fn all_hold_with_a_cache_that_works_fails_or_panics() {
    if child::is_it() {
        return;
    }
    for mood in ["works", "fails", "panics"] {
        let output = child::command_of_module("refresh::")
            .env(CACHE, mood)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{mood}: {printed}");
        assert!(!printed.contains("running 0 tests"), "{mood}: {printed}");
    }
}
