use super::*;
use aws_google_web_identity_emulator::{Call, Emulator};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use std::sync::atomic::{AtomicU64, Ordering};

/// The system's time, and an offset that a test sets.
#[derive(Clone, Debug, Default)]
struct Ahead(Arc<AtomicU64>);

impl TimeSource for Ahead {
    fn now(&self) -> SystemTime {
        clock::now() + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

#[tokio::test]
async fn held_credentials_are_served_although_a_refresh_hangs() {
    let emulator = Emulator::start().await.unwrap();
    let ahead = Ahead::default();
    let config = emulator.sdk_config().into_builder();
    let config = config.time_source(SharedTimeSource::new(ahead.clone()));
    let provider = GoogleWebIdentityProvider::builder(emulator.role_arn())
        .audience(emulator.audience())
        .token_source(
            aws_google_web_identity::MetadataServer::new().endpoint(emulator.metadata_endpoint()),
        )
        .configure(&config.build())
        .build();
    let supply = Supply::start(provider.await.unwrap()).await.unwrap();
    let before = supply.body().await.unwrap();

    // The library waits 3 s for a refresh when 10 s of an hour are left.
    let held = emulator.hold(Call::Sts);
    ahead.0.store(3590, Ordering::SeqCst);
    let body = clock::within(Duration::from_secs(2), supply.body()).await;
    assert_eq!(body.expect("it waits for the refresh").unwrap(), before);
    held.reached(1).await;

    held.release();
    ahead.0.store(3660, Ordering::SeqCst);
    assert_ne!(supply.body().await.unwrap(), before);
}
