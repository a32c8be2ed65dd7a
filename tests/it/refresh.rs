//! The promises of the refresher, each a test that is named by it:
//!
//! 1. N cold callers, one exchange, the same generation for all.
//! 2. N cold callers of a failing source, one exchange, under `lazy()` too.
//! 3. In the advisory window nobody waits, and there is one flight.
//! 4. No error before the real expiry, whatever fails or hangs.
//! 5. A failed, expired or malformed answer never replaces a valid generation.
//! 6. The first error is not before the real expiry, and recovery needs no restart.
//! 7. In an outage calls are bounded by time, not by requests.
//! 8. Three attempts fit into the window of a session of 900 s.
//! 9. Whoever leaves, the flight ends and its result is published.
//! 10. A panic in a source is an error for those who wait.
//! 11. A runtime that ends in mid-flight is no harm to callers on another.
//! 12. The advertised expiry is never none, never late, and renewed once per hold.
//! 13. Under `lazy()` and `no_cache()` the new key is in use before the real expiry, and nobody waits for it.
//! 14. Zero, short or past lifetimes make no busy loop.
//! 15. Clocks that are off, step or stand still: fresh answers are accepted, nothing expired is used, no storm.
//! 16. Jitter differs between instances made in the same second.
//! 17. With the last handle the tasks are gone.
//! 18. A hit makes no allocation and needs no runtime.
//! 19. Key, secret and token are always of one generation.
//! 20. No secret is shown.

mod callers;
mod life;
mod outage;
mod runtimes;
mod sdk;
mod times;
pub mod world;

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_google_web_identity::{GoogleWebIdentityProvider, RefreshPolicy};
use futures_util::FutureExt;
use std::time::{Duration, SystemTime};
use world::World;

/// The credentials if they can be had without waiting.
fn at_once(provider: &GoogleWebIdentityProvider) -> Option<Result<Credentials, CredentialsError>> {
    provider.provide_credentials().now_or_never()
}

/// The key id that callers get at once.
fn key(provider: &GoogleWebIdentityProvider) -> String {
    at_once(provider)
        .expect("at once")
        .unwrap()
        .access_key_id()
        .to_owned()
}

fn expiry(provider: &GoogleWebIdentityProvider) -> SystemTime {
    at_once(provider)
        .expect("at once")
        .unwrap()
        .expiry()
        .expect("never none")
}

/// A provider that holds a session of an hour and begins to refresh it at 45 min sharp.
async fn warm(world: &World) -> GoogleWebIdentityProvider {
    warm_by(world, RefreshPolicy::new()).await
}

/// The same that does so without being asked.
async fn kept_warm(world: &World) -> GoogleWebIdentityProvider {
    warm_by(world, RefreshPolicy::new().keep_warm(true)).await
}

async fn warm_by(world: &World, policy: RefreshPolicy) -> GoogleWebIdentityProvider {
    let builder = world.builder().refresh_policy(policy.jitter(0.0));
    let provider = builder.build().await.unwrap();
    provider.session().await.unwrap();
    provider
}

const REFRESH_AT: Duration = Duration::from_secs(2700);
const MUST_AT: Duration = Duration::from_secs(3570);
const HOUR: Duration = Duration::from_secs(3600);
