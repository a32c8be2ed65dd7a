//! While the source or STS fails, the cached credentials are used until they expire.

use super::world::{Behavior, World, seconds};
use super::{HOUR, MUST_AT, REFRESH_AT, at_once, key, warm};
use crate::support::sts_error;
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::ErrorKind;
use aws_google_web_identity_emulator::{Answer, Call};
use futures_util::FutureExt;
use std::time::Duration;

#[tokio::test]
async fn promise_04_no_error_before_the_real_expiry_whatever_fails_or_hangs() {
    for behavior in [
        Behavior::Fails(ErrorKind::Unavailable),
        Behavior::Fails(ErrorKind::Denied),
        Behavior::Fails(ErrorKind::NotConfigured),
        Behavior::Hangs,
        Behavior::Panics,
    ] {
        let world = World::new().await;
        let provider = warm(&world).await;
        let old = key(&provider);
        let session = provider.session().now_or_never().unwrap();
        let expiry = session.unwrap().expires_at();
        world.source.set(behavior);
        world.clock.advance(REFRESH_AT);
        for _ in 0..(HOUR - REFRESH_AT).as_secs() / 3 {
            let call = provider.provide_credentials();
            tokio::pin!(call);
            let mut answer = futures_util::poll!(&mut call);
            // In the mandatory window it may wait for the fetch, for 3 s of the clock.
            let left = expiry.duration_since(world.clock.now()).unwrap();
            if answer.is_pending() && left > seconds(3) {
                world.clock.advance(seconds(3));
                answer = std::task::Poll::Ready(call.await);
            }
            if let std::task::Poll::Ready(credentials) = answer {
                let credentials = credentials.expect("still valid");
                assert_eq!(credentials.access_key_id(), old, "{behavior:?}");
            }
            let left = expiry.duration_since(world.clock.now()).unwrap();
            if left <= Duration::from_millis(1) {
                break;
            }
            // To the last millisecond.
            let step = seconds(10).min(left - Duration::from_millis(1));
            world.clock.advance(step);
            tokio::task::yield_now().await;
        }
        let left = expiry.duration_since(world.clock.now()).unwrap();
        assert_eq!(left, Duration::from_millis(1), "{behavior:?}");
    }
}

#[tokio::test]
async fn promise_04_in_the_mandatory_window_callers_wait_three_seconds_at_most() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let old = key(&provider);
    world.source.set(Behavior::Hangs);
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
        world.emulator.answer_next(Call::Sts, 9, answer);
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
    world.source.set(Behavior::Fails(ErrorKind::Configuration));
    world.clock.advance(HOUR - Duration::from_millis(1));
    provider
        .provide_credentials()
        .await
        .expect("one millisecond is left");
    world.clock.advance(Duration::from_millis(1));
    // The error of a millisecond ago is still cached.
    provider.provide_credentials().await.unwrap_err();
    world.source.set(Behavior::Answers);
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
        world.source.set(Behavior::Fails(ErrorKind::Unavailable));
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
async fn a_failed_refresh_is_logged_while_credentials_are_cached() {
    let world = World::new().await;
    let provider = warm(&world).await;
    world.source.set(Behavior::Fails(ErrorKind::Denied));
    world.clock.advance(REFRESH_AT);
    key(&provider);
    let warned = || {
        let logs = crate::support::watch::logged();
        logs.matches("the credentials could not be refreshed")
            .count()
    };
    world.until("a warning is logged", || warned() == 1).await;
    let logs = crate::support::watch::logged();
    let left = format!("seconds_left={}", (HOUR - REFRESH_AT).as_secs());
    for says in ["WARN", "denied", "as the test wants it", &left] {
        assert!(logs.contains(says), "{says}");
    }
    // A caller that gets the error needs no warning.
    world.clock.advance(HOUR);
    provider.session().await.unwrap_err();
    assert_eq!(warned(), 1);
}
