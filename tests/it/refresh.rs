//! The promises of the refresher, each a test that is named by it.

mod sdk;
pub mod world;

use crate::support::{chain, sts_error};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_google_web_identity::emulator::{Answer, Hop};
use aws_google_web_identity::{ErrorKind, GoogleWebIdentityProvider, RefreshPolicy};
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::time::{Duration, SystemTime};
use world::{Mood, World, seconds};

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

#[tokio::test]
async fn promise_01_n_cold_callers_make_one_exchange_and_get_the_same_generation() {
    let world = World::new().await;
    let provider = world.provider().await;
    world.source.close_gate();
    let callers = join_all((0..100).map(|_| provider.provide_credentials()));
    let open = async {
        world.source.asked(1).await;
        world.source.open_gate();
    };
    let (credentials, ()) = tokio::join!(callers, open);
    let first = credentials[0].as_ref().unwrap().clone();
    assert!(
        credentials
            .into_iter()
            .all(|credentials| credentials.unwrap() == first)
    );
    assert_eq!(
        (
            world.source.calls(),
            world.emulator.requests_of(Hop::Sts).len()
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn promise_02_n_cold_callers_of_a_failing_source_make_one_exchange() {
    let world = World::new().await;
    world.source.set(Mood::Fails(ErrorKind::Unavailable));
    let provider = world.provider().await;
    for error in join_all((0..100).map(|_| provider.provide_credentials())).await {
        assert!(chain(&error.unwrap_err()).contains("as the test wants it"));
    }
    assert_eq!(world.source.calls(), 1);
    provider.provide_credentials().await.unwrap_err();
    assert_eq!(
        world.source.calls(),
        1,
        "the failure is shared for a second"
    );
    world.clock.advance(seconds(1));
    provider.provide_credentials().await.unwrap_err();
    assert_eq!(world.source.calls(), 2);
}

#[tokio::test]
async fn promise_02_nothing_configured_is_never_remembered_and_a_denial_for_a_minute() {
    let world = World::new().await;
    let provider = world.provider().await;
    for (kind, after, calls) in [
        (ErrorKind::NotConfigured, seconds(0), 2),
        (ErrorKind::Denied, seconds(59), 1),
        (ErrorKind::Denied, seconds(60), 2),
    ] {
        world.clock.advance(seconds(3600));
        world.source.set(Mood::Fails(kind));
        let before = world.source.calls();
        provider.provide_credentials().await.unwrap_err();
        world.clock.advance(after);
        provider.provide_credentials().await.unwrap_err();
        assert_eq!(
            world.source.calls() - before,
            calls,
            "{kind:?} after {after:?}"
        );
    }
}

#[tokio::test]
async fn promise_03_in_the_advisory_window_nobody_waits_and_there_is_one_flight() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let old = key(&provider);
    world.clock.advance(REFRESH_AT - seconds(1));
    assert_eq!(
        (key(&provider), world.source.calls()),
        (old.clone(), 1),
        "still fresh"
    );
    world.source.close_gate();
    world.clock.advance(seconds(1));
    for _ in 0..1000 {
        assert_eq!(key(&provider), old);
    }
    world.source.asked(2).await;
    world.source.open_gate();
    world
        .until("the new key is there", || key(&provider) != old)
        .await;
    assert_eq!(
        (
            world.source.calls(),
            world.emulator.requests_of(Hop::Sts).len()
        ),
        (2, 2)
    );
}

#[tokio::test]
async fn promise_04_no_error_before_the_real_expiry_whatever_fails_or_hangs() {
    for mood in [
        Mood::Fails(ErrorKind::Unavailable),
        Mood::Fails(ErrorKind::Denied),
        Mood::Fails(ErrorKind::NotConfigured),
        Mood::Hangs,
        Mood::Panics,
    ] {
        let world = World::new().await;
        let provider = warm(&world).await;
        let old = key(&provider);
        world.source.set(mood);
        world.clock.advance(REFRESH_AT);
        for _ in 0..(3600 - 2700) / 10 {
            let call = provider.provide_credentials();
            tokio::pin!(call);
            // In the mandatory window it may wait for the flight, for 3 s of the clock.
            let credentials = match futures_util::poll!(&mut call) {
                std::task::Poll::Ready(result) => result,
                std::task::Poll::Pending => {
                    world.clock.advance(seconds(3));
                    call.await
                }
            };
            assert_eq!(
                credentials.expect("still valid").access_key_id(),
                old,
                "{mood:?}"
            );
            if world.clock.now()
                >= provider
                    .session()
                    .now_or_never()
                    .map_or(world.clock.now(), |session| {
                        session.unwrap().expires_at() - seconds(14)
                    })
            {
                break;
            }
            world.clock.advance(seconds(10));
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn promise_04_in_the_mandatory_window_callers_wait_three_seconds_at_most() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let old = key(&provider);
    world.source.set(Mood::Hangs);
    world.clock.advance(MUST_AT);
    let call = provider.provide_credentials();
    tokio::pin!(call);
    assert!(futures_util::poll!(&mut call).is_pending());
    world.clock.advance(Duration::from_millis(2999));
    tokio::task::yield_now().await;
    assert!(futures_util::poll!(&mut call).is_pending());
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(call.await.unwrap().access_key_id(), old);
}

#[tokio::test]
async fn promise_05_a_failed_expired_or_malformed_answer_never_replaces_a_valid_generation() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let old = key(&provider);
    let xml = |expiration: &str, secret: &str| {
        Answer::status(200).body(format!(
            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIANEW</AccessKeyId>\
             <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{expiration}</Expiration>\
             </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        ))
    };
    for answer in [
        sts_error(400, "ValidationError", "no"),
        sts_error(403, "AccessDenied", "no"),
        Answer::status(200).body("not xml"),
        Answer::status(200),
        xml("2001-01-01T00:00:00Z", "s"),
        xml("not a time", "s"),
        xml("2099-01-01T00:00:00Z", ""),
    ] {
        world.emulator.answer_next(Hop::Sts, 9, answer);
        provider.refresh().await.unwrap_err();
        world.emulator.answer_genuinely();
        assert_eq!(key(&provider), old);
    }
    provider.refresh().await.unwrap();
    assert_ne!(key(&provider), old);
}

#[tokio::test]
async fn promise_06_the_first_error_is_at_the_real_expiry_and_recovery_needs_no_restart() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let expires_at = provider.session().await.unwrap().expires_at();
    assert_eq!(expires_at, world.clock.now() + HOUR);
    world.source.set(Mood::Fails(ErrorKind::Configuration));
    world.clock.advance(HOUR - Duration::from_millis(1));
    provider
        .provide_credentials()
        .await
        .expect("one millisecond is left");
    world.clock.advance(Duration::from_millis(1));
    // What was tried a millisecond ago is shared for its pause.
    provider.provide_credentials().await.unwrap_err();
    world.source.set(Mood::Answers);
    world.clock.advance(seconds(61));
    provider.provide_credentials().await.expect("it recovers");
}

#[tokio::test]
async fn promise_07_and_08_in_an_outage_calls_are_bounded_by_time_and_three_fit_into_900_seconds() {
    for (length, at_least, at_most) in [(900, 3, 30), (3600, 10, 45), (43_200, 50, 150)] {
        let world = World::new().await;
        let provider = world
            .builder()
            .session_length(seconds(length))
            .build()
            .await
            .unwrap();
        provider.session().await.unwrap();
        world.source.set(Mood::Fails(ErrorKind::Unavailable));
        let end = world.clock.now() + seconds(length - 31);
        while world.clock.now() < end {
            for _ in 0..20 {
                at_once(&provider).expect("nobody waits").unwrap();
            }
            world.clock.advance(seconds(1));
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
        }
        let tries = world.source.calls() - 1;
        assert!(
            (at_least..=at_most).contains(&tries),
            "{tries} tries in a session of {length} s"
        );
    }
}

#[tokio::test]
async fn promise_09_a_cancelled_leader_or_waiter_loses_nothing() {
    let world = World::new().await;
    let provider = world.provider().await;
    let gate = world.source.close_gate();
    // The leader goes at its first await, a waiter at its own.
    assert!(provider.provide_credentials().now_or_never().is_none());
    assert!(provider.provide_credentials().now_or_never().is_none());
    world.source.asked(1).await;
    // While STS is asked.
    let hold = world.emulator.hold(Hop::Sts);
    gate.add_permits(1);
    hold.reached(1).await;
    assert!(provider.provide_credentials().now_or_never().is_none());
    hold.release();
    world
        .until("the result is published", || at_once(&provider).is_some())
        .await;
    at_once(&provider).unwrap().unwrap();
    assert_eq!(world.source.calls(), 1);
}

#[tokio::test]
async fn promise_10_a_panic_in_a_source_is_an_error_for_those_who_wait() {
    let world = World::new().await;
    world.source.set(Mood::Panics);
    let provider = world.provider().await;
    for error in join_all((0..10).map(|_| provider.session())).await {
        let error = error.unwrap_err();
        assert!(
            error.to_string().contains("the exchange panicked"),
            "{error}"
        );
    }
    assert_eq!(world.source.calls(), 1);
    world.source.set(Mood::Answers);
    world.clock.advance(seconds(1));
    provider.session().await.expect("it recovers");
}

#[test]
fn promise_11_when_a_runtime_is_dropped_in_mid_flight_callers_on_another_succeed() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
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
                    "it waits for the flight on A"
                );
                a.shutdown_background();
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
    waiting.expect("elected anew on B");
}

#[tokio::test]
async fn promise_12_the_advertised_expiry_is_never_none_never_late_and_renewed_once_per_hold() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let start = world.clock.now();
    let real = provider.session().await.unwrap().expires_at();
    assert_eq!(real, start + HOUR, "session() gives the real one");
    assert_eq!(expiry(&provider), start + REFRESH_AT + seconds(15));
    world.source.set(Mood::Hangs);
    world.clock.advance(REFRESH_AT);
    let mut held = expiry(&provider);
    assert_eq!(
        held,
        world.clock.now() + seconds(60),
        "a refresh is under way"
    );
    let mut renewals = 0;
    while world.clock.now() < start + MUST_AT - seconds(1) {
        world.clock.advance(seconds(1));
        let now = expiry(&provider);
        assert!(now > world.clock.now() && now <= real);
        if now != held {
            assert!(
                held <= world.clock.now() + seconds(15),
                "not before a cache would ask"
            );
            (held, renewals) = (now, renewals + 1);
        }
    }
    assert!((15..=25).contains(&renewals), "{renewals} in 14 min 29 s");
}

#[tokio::test]
async fn promise_14_zero_short_or_past_lifetimes_make_no_busy_loop() {
    let world = World::new().await;
    let provider = world.provider().await;
    for expiration in [0, 1, -3600] {
        let at = world.clock.now() + seconds(4000);
        let at = if expiration < 0 {
            at - seconds(8000)
        } else {
            world.clock.now()
        };
        let at = aws_smithy_types::DateTime::from(at)
            .fmt(aws_smithy_types::date_time::Format::DateTime)
            .unwrap();
        let body = format!(
            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIANEW</AccessKeyId>\
             <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{at}</Expiration>\
             </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
        );
        world
            .emulator
            .answer_next(Hop::Sts, 99, Answer::status(200).body(body));
        let before = world.source.calls();
        for _ in 0..50 {
            let error = provider.session().await.unwrap_err();
            assert!(
                error.to_string().contains("had expired when it came"),
                "{error}"
            );
        }
        assert_eq!(world.source.calls() - before, 1);
        world.clock.advance(seconds(1));
    }
}

#[tokio::test]
async fn promise_15_a_clock_that_is_hours_off_accepts_fresh_answers() {
    for off in [6 * 3600, -6 * 3600] {
        let world = World::new().await;
        world.emulator.set_clock_offset(off);
        let provider = warm(&world).await;
        let left = provider
            .session()
            .await
            .unwrap()
            .expires_at()
            .duration_since(world.clock.now());
        assert_eq!(left.unwrap(), HOUR, "by this machine's clock");
        assert_eq!(world.source.calls(), 1);
        world.clock.advance(HOUR);
        world.source.set(Mood::Fails(ErrorKind::Unavailable));
        provider
            .provide_credentials()
            .await
            .expect_err("and no expired ones are used");
    }
}

#[tokio::test]
async fn promise_15_clocks_that_step_and_a_suspended_machine_use_nothing_expired_and_make_no_storm()
{
    // Set back by six hours: the monotonic clock counts, and what is advertised follows the wall.
    let world = World::new().await;
    let provider = warm(&world).await;
    world.clock.advance(seconds(600));
    world.clock.step(-6 * 3600);
    assert_eq!(
        expiry(&provider),
        world.clock.now() + REFRESH_AT + seconds(15) - seconds(600)
    );
    assert_eq!(world.source.calls(), 1, "no storm");
    world.clock.advance(HOUR - seconds(600));
    world.source.set(Mood::Fails(ErrorKind::Unavailable));
    provider
        .provide_credentials()
        .await
        .expect_err("expired by the monotonic clock");

    // Set ahead by six hours, or suspended for as long: expired by the wall clock. One exchange, and
    // what it brings counts from its arrival.
    let world = World::new().await;
    let provider = warm(&world).await;
    world.clock.step(6 * 3600);
    assert!(at_once(&provider).is_none());
    provider.provide_credentials().await.unwrap();
    for _ in 0..50 {
        at_once(&provider).expect("fresh").unwrap();
    }
    assert_eq!(world.source.calls(), 2);

    // Suspended for a while: that time counts.
    let world = World::new().await;
    let provider = warm(&world).await;
    world.clock.step(1800);
    at_once(&provider).expect("fresh").unwrap();
    world.clock.advance(seconds(900));
    world.source.close_gate();
    at_once(&provider).expect("held").unwrap();
    world.source.asked(2).await;
}

#[tokio::test]
async fn promise_16_jitter_differs_between_instances_made_in_the_same_second() {
    let world = World::new().await;
    let mut expiries = Vec::new();
    for _ in 0..8 {
        let provider = world.provider().await;
        provider.session().await.unwrap();
        expiries.push(expiry(&provider));
    }
    let earliest = world.clock.now() + REFRESH_AT - seconds(180);
    assert!(
        expiries
            .iter()
            .all(|it| (earliest..=earliest + seconds(200)).contains(it))
    );
    expiries.sort();
    expiries.dedup();
    assert!(expiries.len() > 4, "{expiries:?}");
}

#[tokio::test]
async fn promise_17_when_all_handles_are_dropped_the_tasks_are_gone() {
    for keep_warm in [false, true] {
        let world = World::new().await;
        let policy = RefreshPolicy::new().jitter(0.0).keep_warm(keep_warm);
        let provider = world
            .builder()
            .refresh_policy(policy)
            .build()
            .await
            .unwrap();
        provider.session().await.unwrap();
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
        world.source.set(Mood::Hangs);
        let clone = provider.clone();
        let calls = world.source.calls();
        assert!(provider.refresh().now_or_never().is_none());
        world.source.asked(calls + 1).await;
        drop(provider);
        tokio::task::yield_now().await;
        drop(clone);
        // The test itself and the world hold one reference between them.
        let source = &world.source;
        world
            .until("nobody holds the source", || {
                std::sync::Arc::strong_count(source) == 1
            })
            .await;
    }
}

#[tokio::test]
async fn promise_17_keep_warm_goes_on_after_failures() {
    let world = World::new().await;
    let policy = RefreshPolicy::new().jitter(0.0).keep_warm(true);
    let provider = world
        .builder()
        .refresh_policy(policy)
        .build()
        .await
        .unwrap();
    provider.session().await.unwrap();
    let old = key(&provider);
    world.source.set(Mood::Fails(ErrorKind::Unavailable));
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
    world.source.set(Mood::Answers);
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
async fn refresh_joins_only_a_flight_that_began_after_the_call_and_ignores_the_pause() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let gate = world.source.close_gate();
    let first = provider.refresh();
    tokio::pin!(first);
    assert!(futures_util::poll!(&mut first).is_pending());
    world.source.asked(2).await;
    // This one was called while the first was under way: it wants another.
    let second = provider.refresh();
    tokio::pin!(second);
    assert!(futures_util::poll!(&mut second).is_pending());
    gate.add_permits(1);
    first.await.unwrap();
    assert!(futures_util::poll!(&mut second).is_pending());
    world.source.asked(3).await;
    gate.add_permits(1);
    second.await.unwrap();
    world.source.open_gate();
    world.source.set(Mood::Fails(ErrorKind::Denied));
    for _ in 0..3 {
        let calls = world.source.calls();
        provider.refresh().await.unwrap_err();
        assert_eq!(world.source.calls(), calls + 1);
    }
}

#[tokio::test]
async fn a_flight_that_takes_too_long_ends_at_its_deadline() {
    let world = World::new().await;
    world.source.set(Mood::Hangs);
    let provider = world.provider().await;
    let call = provider.provide_credentials();
    tokio::pin!(call);
    assert!(futures_util::poll!(&mut call).is_pending());
    world.source.asked(1).await;
    world.clock.advance(seconds(15));
    let error = call.await.unwrap_err();
    assert!(
        matches!(error, CredentialsError::ProviderTimedOut(_)),
        "{error:?}"
    );
}

#[test]
fn without_a_runtime_the_error_says_so() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::new());
    let provider = runtime.block_on(world.provider());
    let error = provider.session().now_or_never().unwrap().unwrap_err();
    assert!(
        error.to_string().contains("there is no tokio runtime here"),
        "{error}"
    );
}
