//! Simulates an outage of AWS STS of 20 minutes without sleeping for real: callers keep their
//! credentials, and the first refresh after the outage replaces them.

use aws_credential_types::provider::ProvideCredentials as _;
use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer};
use aws_google_web_identity_emulator::{Answer, Call, Emulator, TestClock};
use std::error::Error;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

// A current-thread runtime: the clock moves on when every task has had its turn.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = TestClock::new();
    let emulator = Emulator::builder().test_clock(&clock).start().await?;
    let provider = GoogleWebIdentityProvider::builder(emulator.role_arn())
        .audience(emulator.audience())
        .token_source(MetadataServer::new().endpoint(emulator.metadata_endpoint()))
        .configure(&emulator.sdk_config())
        .monotonic_clock(clock.clone())
        .build()
        .await?;
    let first = provider.provide_credentials().await?;

    for minute in 1..=60 {
        match minute {
            38 => emulator.answer_next(Call::Sts, usize::MAX, Answer::status(503)),
            58 => emulator.answer_genuinely(),
            _ => {}
        }
        clock.run_for(MINUTE).await;
        // Fails if a caller ever gets an error.
        let (credentials, waited) = clock.run_until(provider.provide_credentials()).await;
        let key = credentials?.access_key_id().to_owned();
        assert!(waited.is_zero(), "a caller waited {waited:?}");
        if minute % 10 == 0 || minute == 58 {
            let requests = emulator.requests_of(Call::Sts).len();
            let state = match (minute, key == first.access_key_id()) {
                (38..58, _) => "outage, the cached credentials",
                (_, true) => "the first credentials",
                (_, false) => "new credentials",
            };
            println!("minute {minute:2}: {key}  {requests:3} requests to STS  {state}");
        }
    }
    let last = provider.provide_credentials().await?;
    if last.access_key_id() == first.access_key_id() {
        return Err("the credentials were not refreshed after the outage".into());
    }
    Ok(())
}
