//! Sessions that many processes share.

mod damage;
mod failing;
mod files;
mod fleet;
mod keys;
mod life;
mod memory;
#[cfg(unix)]
mod processes;
pub mod promises;
mod sealing;

use crate::support::watch::Watched;
use crate::support::{AUDIENCE, ROLE};
use aws_google_web_identity::{Builder, FileCache, GoogleWebIdentityProvider, MetadataServer};
use aws_google_web_identity_emulator::{Call, Emulator, TestClock};
use memory::Memory;
use std::sync::Arc;
use tempfile::TempDir;

/// An emulator with a clock, and processes that are simulated by providers of their own.
struct Fleet {
    clock: TestClock,
    emulator: Watched,
}

impl Fleet {
    async fn new() -> Self {
        let clock = TestClock::new();
        let builder = Emulator::builder().test_clock(&clock);
        let emulator = crate::support::watch::start_with(builder).await;
        Self { clock, emulator }
    }

    fn builder(&self) -> Builder {
        let source = MetadataServer::new().endpoint(self.emulator.metadata_endpoint());
        GoogleWebIdentityProvider::builder(ROLE)
            .audience(AUDIENCE)
            .token_source(source)
            .configure(&self.emulator.sdk_config())
            .monotonic_clock(self.clock.clone())
            .environment([] as [(&str, &str); 0])
            .machine(Some("this machine in its present boot"))
    }

    fn memory(&self) -> Arc<Memory> {
        Arc::new(Memory::new(self.clock.clone()))
    }

    fn exchanges(&self) -> usize {
        self.emulator.requests_of(Call::Sts).len()
    }
}

async fn built(builder: Builder) -> GoogleWebIdentityProvider {
    crate::support::watch::shown(&format!("{builder:?}"));
    builder.build().await.unwrap()
}

async fn access_key(provider: &GoogleWebIdentityProvider) -> String {
    let session = provider.session().await.unwrap();
    session.credentials().access_key_id().to_owned()
}

/// An empty directory, and a cache in it.
fn file_cache() -> (TempDir, FileCache) {
    let parent = tempfile::tempdir().unwrap();
    let cache = FileCache::new(parent.path().join("sessions")).unwrap();
    (parent, cache)
}
