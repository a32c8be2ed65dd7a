//! The advertised expiry; wrong clocks, clocks that step, and odd lifetimes.

use super::world::{Behavior, World, seconds};
use super::{HOUR, MUST_AT, REFRESH_AT, at_once, expiry, warm};
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{ErrorKind, RefreshPolicy};
use aws_google_web_identity_emulator::{Answer, Call};
use aws_smithy_types::date_time::Format;

#[tokio::test]
async fn promise_12_the_advertised_expiry_is_never_none_never_late_and_renewed_once_per_hold() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let start = world.clock.now();
    let real = provider.session().await.unwrap().expires_at();
    assert_eq!(real, start + HOUR, "session() gives the real one");
    assert_eq!(expiry(&provider), start + REFRESH_AT + seconds(15));
    world.source.set(Behavior::Hangs);
    world.clock.advance(REFRESH_AT);
    let mut advertised = expiry(&provider);
    assert_eq!(
        advertised,
        world.clock.now() + seconds(60),
        "a refresh is in flight"
    );
    let mut renewals = 0;
    while world.clock.now() < start + MUST_AT - seconds(1) {
        world.clock.advance(seconds(1));
        let now = expiry(&provider);
        assert!(now > world.clock.now() && now <= real);
        if now != advertised {
            assert!(
                advertised <= world.clock.now() + seconds(15),
                "not before a cache asks again"
            );
            (advertised, renewals) = (now, renewals + 1);
        }
    }
    assert!((15..=25).contains(&renewals), "{renewals} in 14 min 29 s");
}

/// A time this many seconds from now.
fn from_now(world: &World, seconds_ahead: i64) -> aws_smithy_types::DateTime {
    let now = world.clock.now();
    let by = seconds(seconds_ahead.unsigned_abs());
    aws_smithy_types::DateTime::from(if seconds_ahead < 0 {
        now - by
    } else {
        now + by
    })
}

/// An answer of STS with credentials that expire this many seconds from now.
fn answer(world: &World, lifetime: i64) -> Answer {
    let at = from_now(world, lifetime).fmt(Format::DateTime).unwrap();
    Answer::status(200).body(format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
         <AccessKeyId>ASIANEW</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>{at}</Expiration>\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    ))
}

/// Has STS issue such credentials.
fn answer_with(world: &World, lifetime: i64) {
    world.emulator.answer_genuinely();
    let answer = answer(world, lifetime);
    world.emulator.answer_next(Call::Sts, 99, answer);
}

#[tokio::test]
async fn promise_15_a_wrong_date_makes_no_session_longer_than_was_asked_for() {
    const HOURS: i64 = 3600;
    // The length asked for, `Expiration` and `Date` as seconds from now, and the resulting
    // lifetime.
    for (asked_for, expiration, date, lifetime) in [
        (Some(900), 900, Some(-6 * HOURS), 900),
        (None, HOURS, Some(-6 * HOURS), 3600),
        (Some(43_200), 12 * HOURS, Some(-6 * HOURS), 43_200),
        // This machine's clock is slow, and the server sends no `Date`.
        (None, 7 * HOURS, None, 3600),
        // The server's clock is fast, and its `Date` says so.
        (Some(900), 6 * HOURS + 900, Some(6 * HOURS), 900),
        // Less than was asked for is less.
        (Some(43_200), HOURS, Some(0), 3600),
    ] {
        let world = World::new().await;
        let builder = match asked_for {
            Some(length) => world.builder().session_length(seconds(length)),
            None => world.builder(),
        };
        let provider = builder.build().await.unwrap();
        let answer = answer(&world, expiration);
        let answer = match date {
            Some(date) => {
                let date = from_now(&world, date).fmt(Format::HttpDate).unwrap();
                answer.header("date", &date)
            }
            None => answer.without_header("date"),
        };
        world.emulator.answer_next(Call::Sts, 1, answer);
        let session = provider.session().await.unwrap();
        let left = session.expires_at().duration_since(world.clock.now());
        assert_eq!(
            left.unwrap(),
            seconds(lifetime),
            "{asked_for:?} {expiration} {date:?}"
        );
    }
}

#[tokio::test]
async fn promise_14_zero_short_or_past_lifetimes_make_no_busy_loop() {
    let world = World::new().await;
    let provider = world.provider().await;
    for (lifetime, fresh) in [(0, false), (-3600, false), (2, true)] {
        answer_with(&world, lifetime);
        let before = world.source.calls();
        if fresh {
            // However often it is read, it is fetched only when it is no longer fresh.
            for _ in 0..50 {
                provider.session().await.unwrap();
            }
            assert_eq!(world.source.calls() - before, 1);
            break;
        }
        for _ in 0..50 {
            let error = provider.session().await.unwrap_err();
            assert!(
                error.to_string().contains(
                    "AWS STS: malformed response: the credentials had expired on arrival"
                ),
                "{error}"
            );
        }
        assert_eq!(world.source.calls() - before, 1);
        world.clock.advance(seconds(1));
    }
}

#[tokio::test]
async fn promise_14_keep_warm_makes_no_busy_loop_of_short_lifetimes() {
    for lifetime in [0, -3600, 2] {
        let world = World::new().await;
        let policy = RefreshPolicy::new().keep_warm(true);
        let builder = world.builder().refresh_policy(policy);
        let provider = builder.build().await.unwrap();
        answer_with(&world, lifetime);
        let _ = provider.session().await;
        let asleep = || world.clock.sleepers() > 0;
        for second in 1..=60 {
            world.until("it rests", asleep).await;
            assert!(world.source.calls() <= second, "{lifetime} s");
            answer_with(&world, lifetime);
            world.clock.advance(seconds(1));
        }
        assert!(world.source.calls() > 3, "it goes on");
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
        world.source.set(Behavior::Fails(ErrorKind::Unavailable));
        provider
            .provide_credentials()
            .await
            .expect_err("no expired credentials are used");
    }
}

#[tokio::test]
async fn promise_15_clocks_that_step_and_a_suspended_machine_use_nothing_expired_and_make_no_storm()
{
    // Set back by six hours: the monotonic clock counts, and the advertised expiry follows the wall
    // clock.
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
    world.source.set(Behavior::Fails(ErrorKind::Unavailable));
    provider
        .provide_credentials()
        .await
        .expect_err("expired by the monotonic clock");

    // Set ahead by six hours, or suspended for that long: expired by the wall clock. One exchange
    // follows, and the new lifetime counts from its arrival.
    let world = World::new().await;
    let provider = warm(&world).await;
    world.clock.step(6 * 3600);
    assert!(at_once(&provider).is_none());
    provider.provide_credentials().await.unwrap();
    for _ in 0..50 {
        at_once(&provider).expect("fresh").unwrap();
    }
    assert_eq!(world.source.calls(), 2);

    // Suspended for half an hour, which counts.
    let world = World::new().await;
    let provider = warm(&world).await;
    world.clock.step(1800);
    at_once(&provider).expect("fresh").unwrap();
    world.clock.advance(seconds(900));
    world.source.close_gate();
    at_once(&provider).expect("cached").unwrap();
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
    let earliest = world.clock.now() + REFRESH_AT - (HOUR - REFRESH_AT) / 5;
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
async fn promise_15_a_clock_that_steps_between_two_hits_is_seen_by_the_second() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let advertised = REFRESH_AT + seconds(15);
    for (moves, age) in [(-3600, 0), (1800, 1800), (-1800, 1800), (600, 2400)] {
        // Read just before the step.
        expiry(&provider);
        world.clock.step(moves);
        let now = world.clock.now();
        let left = expiry(&provider).duration_since(now);
        assert_eq!(left.unwrap(), advertised - seconds(age), "{moves}");
        let session = provider.session().await.unwrap();
        let left = session.expires_at().duration_since(now);
        assert_eq!(left.unwrap(), HOUR - seconds(age), "really, {moves}");
        assert_eq!(session.credentials().expiry(), Some(session.expires_at()));
    }
    // Set back by the time that has passed: only the monotonic clock shows it.
    world.clock.advance(seconds(60));
    world.clock.step(-60);
    let left = expiry(&provider).duration_since(world.clock.now());
    assert_eq!(left.unwrap(), advertised - seconds(2460));
    assert_eq!(world.source.calls(), 1, "and nothing was fetched for it");
}

#[tokio::test]
async fn providers_on_one_thread_age_separately() {
    let world = World::new().await;
    let old = warm(&world).await;
    world.clock.advance(REFRESH_AT - seconds(1));
    let mut young = Vec::new();
    for _ in 0..32 {
        young.push(warm(&world).await);
    }
    expiry(&old);
    world.clock.advance(seconds(1));
    for young in &young {
        expiry(young);
    }
    let calls = world.source.calls();
    expiry(&old);
    world.source.asked(calls + 1).await;
}

#[tokio::test]
async fn promise_12_after_a_step_in_the_window_the_advertised_expiry_is_ahead_and_a_refresh_begins()
{
    // The machine is suspended until then, or the clock is set back while the refresh hangs.
    for (suspended, set_back, left) in [(2800, 0, 60), (3555, 0, 45), (2760, 3600, 60)] {
        let world = World::new().await;
        let provider = warm(&world).await;
        world.source.set(Behavior::Hangs);
        world.clock.step(suspended);
        let ahead = || expiry(&provider).duration_since(world.clock.now()).unwrap();
        if set_back == 0 {
            assert_eq!(ahead(), seconds(left), "suspended for {suspended} s");
        } else {
            expiry(&provider);
            world.clock.step(-set_back);
            assert_eq!(ahead(), seconds(left), "set back by {set_back} s");
        }
        world.source.asked(2).await;
    }
}

#[tokio::test]
async fn promise_12_a_clock_set_back_while_a_caller_waits_makes_no_late_expiry() {
    let world = World::new().await;
    let provider = warm(&world).await;
    world.source.set(Behavior::Hangs);
    world.clock.advance(MUST_AT);
    let call = provider.provide_credentials();
    tokio::pin!(call);
    assert!(futures_util::poll!(&mut call).is_pending());
    world.clock.step(-7200);
    world.clock.advance(seconds(3));
    let expiry = call.await.unwrap().expiry().unwrap();
    assert_eq!(
        expiry.duration_since(world.clock.now()).unwrap(),
        seconds(27)
    );
}

#[tokio::test]
async fn promise_12_an_interrupted_caller_gets_an_expiry_in_the_future() {
    let world = World::new().await;
    let provider = warm(&world).await;
    world.source.set(Behavior::Hangs);
    world.clock.advance(MUST_AT);
    assert!(at_once(&provider).is_none());
    let fallback = provider.fallback_on_interrupt().unwrap();
    let left = fallback.expiry().unwrap().duration_since(world.clock.now());
    assert_eq!(left.unwrap(), seconds(30));
}
