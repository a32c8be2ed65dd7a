//! The refresher's promises. Each is a test, or several, that carry its number:
//!
//! 1. N cold callers make one exchange, and all get the same credentials.
//! 2. N cold callers of a failing source make one exchange, under `lazy()` too.
//! 3. In the advisory window nobody waits, and there is one fetch.
//! 4. There is no error before the real expiry, whatever fails or hangs.
//! 5. A failed, expired or malformed answer never replaces valid credentials.
//! 6. The first error is not before the real expiry, and recovery needs no restart.
//! 7. In an outage, calls are bounded by time, not by requests.
//! 8. Three attempts fit into the window of a 900 s session.
//! 9. Whichever caller is cancelled, the fetch completes and its result is published.
//! 10. A panic in a source is an error for its callers, and nobody hangs.
//! 11. When a runtime is dropped mid-fetch, callers on another runtime succeed.
//! 12. The advertised expiry is always there, never late, and extended once per hold.
//! 13. Under `lazy()` and `no_cache()` the new key is in use before the real expiry, and nobody
//!     waits.
//! 14. Zero, short or past lifetimes make no busy loop.
//! 15. Clocks that are wrong, step or stand still: fresh answers are accepted, nothing expired is
//!     used, and there is no storm of fetches.
//! 16. Jitter differs between instances made in the same second.
//! 17. When all handles are dropped, the tasks are gone.
//! 18. A hit makes no allocation and needs no runtime.
//! 19. Key, secret and token always belong to one session.
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

/// The credentials, if they are there without waiting.
fn at_once(provider: &GoogleWebIdentityProvider) -> Option<Result<Credentials, CredentialsError>> {
    provider.provide_credentials().now_or_never()
}

/// The access key id that callers get without waiting.
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

/// A provider with a cached session of one hour, which it begins to refresh after exactly 45 min.
async fn warm(world: &World) -> GoogleWebIdentityProvider {
    warm_by(world, RefreshPolicy::new()).await
}

/// The same, refreshed without being asked.
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
