//! Those who ask: one exchange for all of them, whoever leaves and whatever ends.

use super::world::{Mood, World, seconds};
use super::{REFRESH_AT, at_once, key, warm};
use crate::support::chain;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_google_web_identity::{ErrorKind, RefreshPolicy, SharedIdToken, Stage};
use aws_google_web_identity_emulator::Call;
use futures_util::FutureExt;
use futures_util::future::join_all;

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
            world.emulator.requests_of(Call::Sts).len()
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
        (ErrorKind::Unavailable, seconds(1), 2),
        (ErrorKind::Throttled, seconds(1), 1),
        (ErrorKind::Throttled, seconds(60), 2),
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
            world.emulator.requests_of(Call::Sts).len()
        ),
        (2, 2)
    );
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
    let hold = world.emulator.hold(Call::Sts);
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

#[tokio::test]
async fn a_flight_that_ends_at_its_deadline_says_which_hop_it_had_got_to() {
    let world = World::new().await;
    let provider = world.provider().await;
    for (before_sts, stage) in [(15, Stage::Source), (8, Stage::Sts)] {
        let gate = world.source.close_gate();
        let sts = world.emulator.hold(Call::Sts);
        let calls = world.source.calls();
        let session = provider.session();
        tokio::pin!(session);
        assert!(futures_util::poll!(&mut session).is_pending());
        world.source.asked(calls + 1).await;
        world.clock.advance(seconds(before_sts));
        let ends = async {
            if stage == Stage::Sts {
                gate.add_permits(1);
                sts.reached(1).await;
                // Less than STS itself may take.
                world.clock.advance(seconds(15 - before_sts));
            }
        };
        let (session, ()) = tokio::join!(session, ends);
        let error = session.unwrap_err();
        assert_eq!((error.stage(), error.kind()), (stage, ErrorKind::Timeout));
        assert!(chain(&error).contains("no credentials within 15 s"));
        sts.release();
        world.source.open_gate();
        world.clock.advance(seconds(61));
    }
}

#[tokio::test]
async fn a_refresh_asks_a_shared_identity_again_that_failed_before() {
    for kind in [ErrorKind::Denied, ErrorKind::Throttled] {
        let world = World::new().await;
        let identity = SharedIdToken::new(world.source.clone());
        let provider = world.builder().token_source(identity).build();
        let provider = provider.await.unwrap();
        world.source.set(Mood::Fails(kind));
        for _ in 0..7 {
            provider.session().await.unwrap_err();
            world.clock.advance(seconds(60));
        }
        provider.session().await.unwrap_err();
        world.source.set(Mood::Answers);
        world.clock.advance(seconds(1));
        let calls = world.source.calls();
        provider.session().await.expect_err("still held off");
        provider.refresh().await.expect("whatever failed before");
        assert_eq!(world.source.calls(), calls + 1, "{kind:?}");
    }
}

#[tokio::test]
async fn an_id_token_alone_has_the_same_deadline_and_so_has_a_shared_identity() {
    let world = World::new().await;
    world.source.set(Mood::Hangs);
    let shared = SharedIdToken::new(world.source.clone());
    for (builder, deadline) in [
        (world.builder(), 15),
        (
            world
                .builder()
                .refresh_policy(RefreshPolicy::new().deadline(seconds(5))),
            5,
        ),
        (
            world
                .builder()
                .token_source(shared)
                .refresh_policy(RefreshPolicy::new().deadline(seconds(60))),
            60,
        ),
    ] {
        let provider = builder.build().await.unwrap();
        let calls = world.source.calls();
        let token = provider.id_token();
        tokio::pin!(token);
        assert!(futures_util::poll!(&mut token).is_pending());
        world.source.asked(calls + 1).await;
        world.clock.advance(seconds(deadline));
        let error = token.await.unwrap_err();
        assert_eq!(
            (error.stage(), error.kind()),
            (Stage::Source, ErrorKind::Timeout)
        );
        let says = format!("no ID token within {deadline} s");
        assert!(chain(&error).contains(&says), "{error}");
    }
}
