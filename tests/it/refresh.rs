//! The promises of the refresher, each a test that is named by it.

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
    let provider = world
        .builder()
        .refresh_policy(RefreshPolicy::new().jitter(0.0))
        .build()
        .await
        .unwrap();
    provider.session().await.unwrap();
    provider
}

const REFRESH_AT: Duration = Duration::from_secs(2700);
const MUST_AT: Duration = Duration::from_secs(3570);
const HOUR: Duration = Duration::from_secs(3600);
