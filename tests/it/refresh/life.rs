//! What a provider costs while it lives, and that nothing stays when it is dropped.

use super::world::{Behavior, World, seconds};
use super::{MUST_AT, REFRESH_AT, at_once, kept_warm, key, warm};
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{ErrorKind, RefreshPolicy};
use futures_util::FutureExt;

#[tokio::test]
async fn promise_17_when_all_handles_are_dropped_the_tasks_are_gone() {
    for keep_warm in [false, true] {
        let world = World::new().await;
        let provider = match keep_warm {
            true => kept_warm(&world).await,
            false => warm(&world).await,
        };
        let old = key(&provider);
        if keep_warm {
            world
                .until("the task sleeps", || world.clock.sleepers() > 0)
                .await;
            world.clock.advance(REFRESH_AT);
            world.source.asked(2).await;
            world
                .until("it refreshes without being asked", || key(&provider) != old)
                .await;
        }
        world.source.set(Behavior::Hangs);
        let clone = provider.clone();
        let calls = world.source.calls();
        assert!(provider.refresh().now_or_never().is_none());
        world.source.asked(calls + 1).await;
        drop(provider);
        tokio::task::yield_now().await;
        drop(clone);
        // The world holds the remaining reference.
        let source = &world.source;
        world
            .until("nobody holds the source", || {
                std::sync::Arc::strong_count(source) == 1
            })
            .await;
    }
}

#[tokio::test]
async fn promise_17_with_the_last_handle_gone_nothing_is_fetched_any_more() {
    let world = World::new().await;
    let provider = kept_warm(&world).await;
    world.source.set(Behavior::Hangs);
    let asleep = || world.clock.sleepers() > 0;
    world.until("the task sleeps", asleep).await;
    world.clock.advance(REFRESH_AT);
    world.source.asked(2).await;
    drop(provider);
    let source = &world.source;
    let gone = || std::sync::Arc::strong_count(source) == 1;
    world.until("nobody holds the source", gone).await;
    assert_eq!(world.source.calls(), 2);
}

#[tokio::test]
async fn keep_warm_notices_a_suspended_machine_within_a_minute() {
    let world = World::new().await;
    let _provider = kept_warm(&world).await;
    let asleep = || world.clock.sleepers() > 0;
    world.until("the task sleeps", asleep).await;
    world
        .clock
        .step(i64::try_from(REFRESH_AT.as_secs()).unwrap());
    world.clock.advance(seconds(60));
    world.source.asked(2).await;
}

#[tokio::test]
async fn keep_warm_backs_off_without_a_value() {
    for kind in [ErrorKind::Unavailable, ErrorKind::NotConfigured] {
        let world = World::new().await;
        let policy = RefreshPolicy::new().keep_warm(true);
        let provider = world.builder().refresh_policy(policy).build();
        let provider = provider.await.unwrap();
        world.source.set(Behavior::Fails(kind));
        provider.session().await.unwrap_err();
        for _ in 0..600 {
            world.clock.advance(seconds(1));
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        let tries = world.source.calls();
        assert!((8..=30).contains(&tries), "{tries} in 10 min, {kind:?}");
    }
}

#[tokio::test]
async fn promise_17_keep_warm_goes_on_after_failures() {
    let world = World::new().await;
    let provider = kept_warm(&world).await;
    let old = key(&provider);
    world.source.set(Behavior::Fails(ErrorKind::Unavailable));
    world
        .until("the task sleeps", || world.clock.sleepers() > 0)
        .await;
    world.clock.advance(REFRESH_AT);
    for calls in 2..5 {
        world.source.asked(calls).await;
        world
            .until("the task sleeps", || world.clock.sleepers() > 0)
            .await;
        world.clock.advance(seconds(60));
    }
    world.source.set(Behavior::Answers);
    world
        .until("a new key is there", || {
            world.clock.advance(seconds(1));
            key(&provider) != old
        })
        .await;
}

#[test]
fn promise_18_a_hit_makes_no_allocation_and_needs_no_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let provider = runtime.block_on(async {
        let world = World::new().await;
        warm(&world).await
    });
    drop(runtime);
    key(&provider);
    let dynamic: &dyn ProvideCredentials = &provider;
    let before = crate::allocations::on_this_thread();
    for _ in 0..100 {
        dynamic
            .provide_credentials()
            .now_or_never()
            .unwrap()
            .unwrap();
    }
    assert_eq!(crate::allocations::on_this_thread() - before, 0);
    assert!(!key(&provider).is_empty());
    assert!(
        crate::allocations::on_this_thread() > before,
        "the counter counts"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_19_key_secret_and_token_are_always_of_one_generation() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = std::collections::BTreeMap::new();
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        let it = at_once(&provider).expect("at once").unwrap();
                        seen.insert(it.access_key_id().to_owned(), it);
                    }
                    seen
                })
            })
            .collect();
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for _ in 0..100 {
                    provider.refresh().await.unwrap();
                }
            });
        });
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        for reader in readers {
            let seen = reader.join().unwrap();
            assert!(!seen.is_empty());
            for (id, credentials) in seen {
                let issued = world.emulator.issued(&id).unwrap();
                assert_eq!(credentials.secret_access_key(), issued.secret_access_key());
                assert_eq!(credentials.session_token(), Some(issued.session_token()));
            }
        }
    });
}

#[tokio::test]
async fn promise_20_no_secret_is_shown_by_the_provider_at_any_time() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let session = provider.session().await.unwrap();
    let shown = format!("{provider:?} {session:?} {:?}", at_once(&provider));
    assert!(shown.contains(session.credentials().access_key_id()));
    assert!(!shown.contains(session.credentials().secret_access_key()));
    assert!(!shown.contains(session.credentials().session_token().unwrap()));
}

#[tokio::test]
async fn an_interrupted_caller_gets_the_cached_credentials() {
    let world = World::new().await;
    let provider = world.provider().await;
    assert!(provider.fallback_on_interrupt().is_none(), "nothing yet");
    let provider = warm(&world).await;
    let old = key(&provider);
    world.source.set(Behavior::Hangs);
    for at in [MUST_AT, seconds(29)] {
        world.clock.advance(at);
        let fallback = provider.fallback_on_interrupt();
        assert_eq!(fallback.expect("still valid").access_key_id(), old);
    }
    world.clock.advance(seconds(1));
    assert!(provider.fallback_on_interrupt().is_none(), "expired");
}
