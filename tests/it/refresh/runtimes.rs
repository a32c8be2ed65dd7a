//! Runtimes that end, have ended, stand still, or were never there.

use super::world::{World, seconds};
use super::{REFRESH_AT, at_once, key};
use crate::support::{chain, watch, with};
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{ErrorKind, MetadataServer, RefreshPolicy};
use aws_google_web_identity_emulator::Call;
use futures_util::FutureExt;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn promise_11_when_a_runtime_is_dropped_in_mid_flight_callers_on_another_succeed() {
    let panics = |runtime: Runtime| {
        let unwinding = std::thread::spawn(move || {
            let _runtime = runtime;
            panic!("as the test wants it");
        });
        unwinding.join().unwrap_err();
    };
    for end in [Runtime::shutdown_background, panics] {
        a_runtime_ends_mid_fetch(end);
    }
}

fn a_runtime_ends_mid_fetch(end: fn(Runtime)) {
    let (home, a, b) = (runtime(), runtime(), runtime());
    let world = home.block_on(World::new());
    let provider = home.block_on(world.provider());
    world.source.close_gate();
    a.block_on(async {
        assert!(provider.provide_credentials().now_or_never().is_none());
        world.source.asked(1).await;
    });
    let waiting = std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            b.block_on(async {
                let call = provider.provide_credentials();
                tokio::pin!(call);
                assert!(
                    futures_util::poll!(&mut call).is_pending(),
                    "it waits for the fetch on A"
                );
                end(a);
                let open = async {
                    world.source.asked(2).await;
                    world.source.open_gate();
                };
                tokio::join!(call, open).0
            })
        });
        // The emulator lives on this runtime.
        home.block_on(async {
            while !waiter.is_finished() {
                tokio::task::yield_now().await;
            }
        });
        waiter.join().unwrap()
    });
    waiting.expect("another fetch on B");
}

#[test]
fn without_a_runtime_the_error_says_so() {
    let runtime = runtime();
    let world = runtime.block_on(World::new());
    let provider = runtime.block_on(world.provider());
    for error in [
        provider.session().now_or_never().unwrap().map(drop),
        provider.refresh().now_or_never().unwrap(),
        provider.id_token().now_or_never().unwrap().map(drop),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(
            error.to_string().contains("there is no tokio runtime here"),
            "{error}"
        );
    }
    assert_eq!(world.source.calls(), 0);
}

#[test]
fn without_a_runtime_callers_get_the_cached_credentials_or_an_error() {
    let runtime = runtime();
    let world = runtime.block_on(World::new());
    let provider = runtime.block_on(world.provider());
    let start_fetch = |calls| {
        world.source.close_gate();
        runtime.block_on(async {
            assert!(provider.session().now_or_never().is_none());
            world.source.asked(calls).await;
        });
    };
    start_fetch(1);
    for error in [
        provider.session().now_or_never().unwrap().map(drop),
        provider.refresh().now_or_never().unwrap(),
    ] {
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Configuration);
    }
    world.source.open_gate();
    let old = runtime.block_on(provider.session()).unwrap();
    // In the last seconds callers with a runtime wait for the next fetch.
    world.clock.advance(seconds(3600 - 20));
    start_fetch(2);
    let cached = provider.session().now_or_never().unwrap().unwrap();
    let id = |session: &aws_google_web_identity::Session| {
        session.credentials().access_key_id().to_owned()
    };
    assert_eq!(id(&cached), id(&old));
    world.source.open_gate();
}

#[test]
fn a_runtime_that_has_ended_is_an_error() {
    let (home, gone) = (runtime(), runtime());
    let world = home.block_on(World::new());
    let provider = home.block_on(world.provider());
    let handle = gone.handle().clone();
    drop(gone);
    let _entered = handle.enter();
    for error in [
        provider.session().now_or_never().unwrap().map(drop),
        provider.refresh().now_or_never().unwrap(),
    ] {
        let error = chain(&error.unwrap_err());
        assert!(
            error.contains("the runtime that the exchange ran on ended"),
            "{error}"
        );
    }
    assert_eq!(world.source.calls(), 0);
    drop(_entered);
    home.block_on(provider.session())
        .expect("elsewhere it works");
}

#[test]
fn connections_of_an_ended_runtime_do_no_harm() {
    // The servers outlive the other runtimes.
    let home = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let emulator = home.block_on(watch::start());
    let source = MetadataServer::new().endpoint(emulator.metadata_endpoint());
    let provider = home.block_on(with(&emulator, source));
    for round in 1..=3 {
        let passing = runtime();
        passing.block_on(provider.refresh()).unwrap();
        // Its connections, if they are pooled, end with it.
        drop(passing);
        assert_eq!(emulator.requests_of(Call::Sts).len(), round);
    }
}

#[test]
fn keep_warm_goes_on_on_the_next_runtime() {
    let (home, passing) = (runtime(), runtime());
    let world = home.block_on(World::new());
    let policy = RefreshPolicy::new().jitter(0.0).keep_warm(true);
    let provider = home.block_on(world.builder().refresh_policy(policy).build());
    let provider = provider.unwrap();
    // The emulator answers on the runtime of the other thread.
    std::thread::scope(|scope| {
        let first = scope.spawn(|| {
            passing.block_on(provider.session()).unwrap();
            drop(passing);
        });
        home.block_on(async {
            while !first.is_finished() {
                tokio::task::yield_now().await;
            }
        });
        first.join().unwrap();
    });
    home.block_on(async {
        let old = key(&provider);
        provider.refresh().await.unwrap();
        let asleep = || world.clock.sleepers() > 0;
        world.until("the task sleeps", asleep).await;
        let second = key(&provider);
        assert_ne!(second, old);
        world.clock.advance(REFRESH_AT + seconds(1));
        world.source.asked(3).await;
        let refreshed =
            || at_once(&provider).is_some_and(|it| it.unwrap().access_key_id() != second);
        world
            .until("it refreshes without being asked", refreshed)
            .await;
    });
}

#[test]
fn a_fetch_on_a_runtime_that_stands_still_is_abandoned() {
    let (home, parked) = (runtime(), runtime());
    let world = home.block_on(World::new());
    let provider = home.block_on(world.provider());
    // The fetch is spawned there, and nobody drives the runtime.
    parked.block_on(async {
        assert!(provider.provide_credentials().now_or_never().is_none());
    });
    for refresh in [false, true] {
        home.block_on(async {
            let calls = world.source.calls();
            let asks = async {
                match refresh {
                    false => provider.session().await.map(drop),
                    true => provider.refresh().await,
                }
            };
            tokio::pin!(asks);
            // Within the 5 s after which the SDK gives up.
            for second in [2, 1] {
                assert!(futures_util::poll!(&mut asks).is_pending());
                assert_eq!(world.source.calls(), calls);
                world.clock.advance(seconds(second));
            }
            let (answer, ()) = tokio::join!(asks, world.source.asked(calls + 1));
            answer.expect("another fetch replaces it");
            assert_eq!(world.source.calls(), calls + 1);
        });
        if !refresh {
            // Another one that stands still, for the refresh to find.
            parked.block_on(async { assert!(provider.refresh().now_or_never().is_none()) });
        }
    }
    let newest = key(&provider);
    // Both abandoned fetches complete now.
    std::thread::scope(|scope| {
        let late = scope.spawn(|| parked.block_on(world.source.asked(4)));
        home.block_on(async {
            while !late.is_finished() {
                tokio::task::yield_now().await;
            }
        });
        let landing = scope.spawn(|| {
            parked.block_on(async {
                for _ in 0..1000 {
                    tokio::task::yield_now().await;
                }
            });
        });
        home.block_on(async {
            while !landing.is_finished() {
                tokio::task::yield_now().await;
            }
        });
    });
    assert_eq!(key(&provider), newest, "an older value does not replace it");
}

#[test]
fn keep_warm_begins_after_a_runtime_ended_before_it_ran() {
    let (home, gone) = (runtime(), runtime());
    let world = home.block_on(World::new());
    let policy = RefreshPolicy::new().jitter(0.0).keep_warm(true);
    let provider = home.block_on(world.builder().refresh_policy(policy).build());
    let provider = provider.unwrap();
    let handle = gone.handle().clone();
    drop(gone);
    {
        let _entered = handle.enter();
        assert!(provider.session().now_or_never().unwrap().is_err());
    }
    home.block_on(async {
        provider.session().await.unwrap();
        let asleep = || world.clock.sleepers() > 0;
        world.until("the task sleeps", asleep).await;
        world.clock.advance(REFRESH_AT);
        world.source.asked(2).await;
    });
}

#[test]
fn a_slow_fetch_on_another_runtime_that_works_is_waited_for() {
    let other = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let world = other.block_on(World::new());
    let provider = other.block_on(world.provider());
    world.source.close_gate();
    other.block_on(async {
        assert!(provider.session().now_or_never().is_none());
        world.source.asked(1).await;
    });
    runtime().block_on(async {
        let mut waits = std::pin::pin!(provider.session());
        assert!(futures_util::poll!(&mut waits).is_pending());
        for _ in 0..6 {
            world.clock.advance(seconds(2));
            // Until the other thread has answered the probe, and the next one is due in 2 s.
            loop {
                assert!(futures_util::poll!(&mut waits).is_pending());
                if world.clock.next_wake() == Some(seconds(2)) {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(world.source.calls(), 1);
        world.source.open_gate();
        waits.await.unwrap();
    });
    assert_eq!(world.source.calls(), 1);
}

#[test]
fn a_caller_survives_any_number_of_other_runtimes_that_end() {
    // The servers work while this thread drives other runtimes.
    let home = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let world = home.block_on(World::new());
    let provider = home.block_on(world.provider());
    for refresh in [false, true] {
        let own = runtime();
        world.source.close_gate();
        let mut call = Box::pin(async {
            match refresh {
                false => provider.session().await.map(drop),
                true => provider.refresh().await,
            }
        });
        let mut own_fetch = false;
        for _ in 0..20 {
            let passing = runtime();
            let before = world.source.calls();
            if !own_fetch {
                passing.block_on(async {
                    assert!(provider.refresh().now_or_never().is_none());
                    world.source.asked(before + 1).await;
                });
            }
            let waiting = own.block_on(async {
                let waiting = futures_util::poll!(&mut call);
                // Its own fetch, if it starts one, begins.
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
                waiting
            });
            assert!(waiting.is_pending(), "{waiting:?}");
            own_fetch |= world.source.calls() > before + 1;
        }
        assert!(own_fetch, "the last attempt is on its own runtime");
        world.source.open_gate();
        own.block_on(call).unwrap();
    }
}
