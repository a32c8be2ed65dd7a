//! The provider under the SDK's own caches, with a real S3 client.

use super::world::{Behavior, World, seconds};
use super::{HOUR, REFRESH_AT, warm};
use crate::support::chain;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_google_web_identity::{ErrorKind, GoogleWebIdentityProvider};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::IdentityCache;
use aws_smithy_http_client::test_util::infallible_client_fn;
use futures_util::future::join_all;
use std::sync::{Arc, Mutex};

/// An S3 client whose requests are answered in process, and the access key ids that signed them.
fn s3(
    world: &World,
    provider: &GoogleWebIdentityProvider,
    cache: aws_sdk_s3::config::SharedIdentityCache,
) -> (Client, Arc<Mutex<Vec<String>>>) {
    let keys: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = keys.clone();
    let http = infallible_client_fn(move |request| {
        let authorization = request.headers()["authorization"].to_str().unwrap();
        let (_, credential) = authorization.split_once("Credential=").unwrap();
        seen.lock()
            .unwrap()
            .push(credential.split('/').next().unwrap().to_owned());
        http::Response::builder()
            .status(200)
            .body(r#"<?xml version="1.0"?><ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>"#)
            .unwrap()
    });
    let config = world
        .sdk_config()
        .into_builder()
        .http_client(http)
        .identity_cache(cache)
        .credentials_provider(SharedCredentialsProvider::new(provider.clone()))
        .build();
    (Client::new(&config), keys)
}

/// Sends a request that must not wait for the test's clock.
#[allow(
    clippy::disallowed_methods,
    reason = "only a request that hangs takes that long"
)]
async fn sent(s3: &Client, world: &World) -> Result<(), impl std::error::Error + use<>> {
    let request = s3.list_buckets().send();
    let Ok(answer) = tokio::time::timeout(seconds(60), request).await else {
        panic!("it waits; {} exchanges so far", world.source.calls());
    };
    answer.map(drop)
}

#[tokio::test]
async fn promise_13_under_lazy_and_no_cache_the_new_key_is_in_use_before_the_real_expiry() {
    for (name, cache, seen_within) in [
        ("lazy", IdentityCache::lazy().build(), seconds(75)),
        ("no_cache", IdentityCache::no_cache(), seconds(2)),
    ] {
        let world = World::new().await;
        let provider = warm(&world).await;
        let (s3, keys) = s3(&world, &provider, cache);
        let start = world.clock.now();
        let mut changed = None;
        // One request a second for the whole hour. None may wait for an exchange: the source
        // answers only between two requests.
        while world.clock.now() < start + HOUR {
            let gate = world.source.close_gate();
            sent(&s3, &world).await.unwrap_or_else(|error| {
                panic!("{name}: {}", chain(&error));
            });
            let keys = keys.lock().unwrap().clone();
            if changed.is_none() && keys.last() != keys.first() {
                changed = Some(world.clock.now().duration_since(start).unwrap());
            }
            drop(gate);
            world.source.open_gate();
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            if world.source.calls() == 2 {
                let sts = || {
                    world
                        .emulator
                        .requests_of(aws_google_web_identity_emulator::Call::Sts)
                        .len()
                        == 2
                };
                world.until("the refresh reaches STS", sts).await;
            }
            world.clock.advance(seconds(1));
            if world.clock.now().duration_since(start).unwrap().as_secs() % 300 == 0 {
                world.emulator.look();
            }
        }
        let changed = changed.unwrap_or_else(|| panic!("{name}: the key never changed"));
        assert!(
            changed >= REFRESH_AT && changed <= REFRESH_AT + seen_within,
            "{name}: {changed:?}"
        );
    }
}

#[tokio::test]
async fn promise_02_under_lazy_n_cold_callers_of_a_failing_source_make_one_exchange() {
    let world = World::new().await;
    world.source.set(Behavior::Fails(ErrorKind::Unavailable));
    let provider = world.provider().await;
    let (s3, keys) = s3(&world, &provider, IdentityCache::lazy().build());
    for result in join_all((0..50).map(|_| s3.list_buckets().send())).await {
        assert!(chain(&result.unwrap_err()).contains("as the test wants it"));
    }
    assert_eq!((world.source.calls(), keys.lock().unwrap().len()), (1, 0));
}

#[tokio::test]
async fn promise_04_under_lazy_an_outage_is_not_felt_before_the_real_expiry() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let (s3, _) = s3(&world, &provider, IdentityCache::lazy().build());
    s3.list_buckets().send().await.unwrap();
    world.source.set(Behavior::Fails(ErrorKind::Unavailable));
    let mut elapsed = seconds(0);
    // lazy() itself asks up to 10 s before the advertised expiry, and drops what it had.
    while elapsed < HOUR - seconds(30) {
        world.clock.advance(seconds(7));
        elapsed += seconds(7);
        s3.list_buckets().send().await.unwrap_or_else(|error| {
            panic!("after {elapsed:?}: {}", chain(&error));
        });
    }
}

#[tokio::test]
async fn promise_04_under_lazy_with_a_timeout_of_6_s_a_hanging_source_is_not_felt() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let cache = IdentityCache::lazy().load_timeout(seconds(6)).build();
    let (s3, keys) = s3(&world, &provider, cache);
    s3.list_buckets().send().await.unwrap();
    world.source.set(Behavior::Hangs);
    let start = world.clock.now();
    let mut requests = 1;
    // In the last 30 s a request may wait for 3 s.
    while world.clock.now() < start + HOUR - seconds(4) {
        let request = s3.list_buckets().send();
        tokio::pin!(request);
        let asked = world.clock.now();
        loop {
            let mut answer = None;
            for _ in 0..50 {
                if let std::task::Poll::Ready(result) = futures_util::poll!(&mut request) {
                    answer = Some(result);
                    break;
                }
                tokio::task::yield_now().await;
            }
            let waited = world.clock.now().duration_since(asked).unwrap();
            if let Some(answer) = answer {
                let after = asked.duration_since(start).unwrap();
                answer.unwrap_or_else(|error| panic!("after {after:?}: {}", chain(&error)));
                break;
            }
            assert!(waited < seconds(3), "it waits longer");
            world.clock.advance(seconds(1));
        }
        requests += 1;
        world.clock.advance(seconds(1));
        if requests % 300 == 0 {
            world.emulator.look();
        }
    }
    assert_eq!(keys.lock().unwrap().len(), requests);
}
