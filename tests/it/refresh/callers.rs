//! Callers: one exchange for all of them, whichever is cancelled.

use super::world::{Behavior, World, seconds};
use super::{HOUR, REFRESH_AT, at_once, key, warm};
use crate::support::{chain, sts_error};
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
    world.source.set(Behavior::Fails(ErrorKind::Unavailable));
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
async fn promise_02_each_kind_of_error_is_cached_for_its_own_time() {
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
        world.source.set(Behavior::Fails(kind));
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
    // The first caller is cancelled at its first await, the next one while it waits.
    assert!(provider.provide_credentials().now_or_never().is_none());
    assert!(provider.provide_credentials().now_or_never().is_none());
    world.source.asked(1).await;
    // Another one while the exchange waits for STS.
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
    world.source.set(Behavior::Panics);
    let provider = world.provider().await;
    for error in join_all((0..10).map(|_| provider.session())).await {
        let error = error.unwrap_err();
        assert!(
            error.to_string().contains("the exchange panicked"),
            "{error}"
        );
    }
    assert_eq!(world.source.calls(), 1);
    world.source.set(Behavior::Answers);
    world.clock.advance(seconds(1));
    provider.session().await.expect("it recovers");
}

#[tokio::test]
async fn a_panic_in_reject_is_an_error_after_one_exchange() {
    let world = World::new().await;
    world.source.set(Behavior::PanicsOnReject);
    let provider = world.provider().await;
    let refusal = sts_error(400, "InvalidIdentityToken", "a message");
    world.emulator.answer_next(Call::Sts, usize::MAX, refusal);
    let error = provider.session().await.unwrap_err();
    assert!(
        error.to_string().contains("the exchange panicked"),
        "{error}"
    );
    assert_eq!(world.source.calls(), 1);
}

#[tokio::test]
async fn a_refresh_joins_only_a_later_fetch_and_ignores_the_backoff() {
    let world = World::new().await;
    let provider = warm(&world).await;
    let gate = world.source.close_gate();
    let first = provider.refresh();
    tokio::pin!(first);
    assert!(futures_util::poll!(&mut first).is_pending());
    world.source.asked(2).await;
    // Called while the first fetch is in flight, it needs another one.
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
    world.source.set(Behavior::Fails(ErrorKind::Denied));
    for _ in 0..3 {
        let calls = world.source.calls();
        provider.refresh().await.unwrap_err();
        assert_eq!(world.source.calls(), calls + 1);
    }
}

#[tokio::test]
async fn a_fetch_ends_at_its_deadline() {
    let world = World::new().await;
    world.source.set(Behavior::Hangs);
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
async fn a_timeout_names_the_stage() {
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
                // Less than STS's own time limit.
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
async fn a_refresh_asks_a_failed_shared_source_again() {
    for kind in [ErrorKind::Denied, ErrorKind::Throttled] {
        let world = World::new().await;
        let identity = SharedIdToken::new(world.source.clone());
        let provider = world.builder().token_source(identity).build();
        let provider = provider.await.unwrap();
        world.source.set(Behavior::Fails(kind));
        for _ in 0..7 {
            provider.session().await.unwrap_err();
            world.clock.advance(seconds(60));
        }
        provider.session().await.unwrap_err();
        world.source.set(Behavior::Answers);
        world.clock.advance(seconds(1));
        let calls = world.source.calls();
        provider
            .session()
            .await
            .expect_err("its error is still cached");
        provider.refresh().await.expect("whatever failed before");
        assert_eq!(world.source.calls(), calls + 1, "{kind:?}");
    }
}

#[tokio::test]
async fn an_id_token_alone_has_the_same_deadline() {
    let world = World::new().await;
    world.source.set(Behavior::Hangs);
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

#[tokio::test]
async fn in_a_pod_fetches_before_the_first_success_get_30_s_more() {
    let world = World::new().await;
    let pod = [("KUBERNETES_SERVICE_HOST", "10.0.0.1")];
    let shared = SharedIdToken::new(world.source.clone());
    for builder in [
        world.builder(),
        world.builder().token_source(shared.clone()),
    ] {
        let provider = builder.environment(pod).build().await.unwrap();
        world.source.set(Behavior::Hangs);
        for (asks_for, deadline) in [("session", 45), ("ID token", 45), ("session", 15)] {
            let calls = world.source.calls();
            let asking = tokio::spawn({
                let provider = provider.clone();
                async move {
                    match asks_for {
                        "session" => provider.session().await.map(drop),
                        _ => provider.id_token().await.map(drop),
                    }
                }
            });
            world.source.asked(calls + 1).await;
            world.clock.advance(seconds(deadline - 1));
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert!(!asking.is_finished(), "{asks_for}");
            world.clock.advance(seconds(1));
            let error = asking.await.unwrap().unwrap_err();
            assert!(
                chain(&error).contains(&format!("within {deadline} s")),
                "{error}"
            );
            // The next time its first success is behind it, and nothing is cached.
            world.clock.advance(seconds(1));
            if asks_for == "ID token" {
                world.source.set(Behavior::Answers);
                provider.session().await.unwrap();
                world.clock.advance(HOUR);
                world.source.set(Behavior::Hangs);
            }
        }
    }
}

#[tokio::test]
async fn a_panic_in_a_source_is_an_error_of_an_id_token_too() {
    let world = World::new().await;
    world.source.set(Behavior::Panics);
    let shared = SharedIdToken::new(world.source.clone());
    for builder in [world.builder(), world.builder().token_source(shared)] {
        let provider = builder.build().await.unwrap();
        let error = provider.id_token().await.unwrap_err();
        assert_eq!(
            (error.stage(), error.kind()),
            (Stage::Source, ErrorKind::Unavailable)
        );
        assert!(
            error.to_string().contains("the exchange panicked"),
            "{error}"
        );
    }
}
