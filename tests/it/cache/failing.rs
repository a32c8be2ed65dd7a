//! A cache that fails, hangs or panics: no request fails that would succeed without it.

use super::memory::{Memory, Mood};
use super::{Fleet, access_key, built, file_cache};
use crate::refresh::world::seconds;
use crate::support::chain;
use crate::support::watch;
use aws_google_web_identity::{ErrorKind, Stage};
use aws_google_web_identity_emulator::Call;
use std::time::Duration;

const WARNING: &str = "going on without the session cache";

fn warnings() -> usize {
    watch::logged().matches(WARNING).count()
}

#[tokio::test]
async fn it_costs_240_ms_once_and_a_warning_a_minute() {
    for mood in [Mood::Fails, Mood::Hangs, Mood::Panics, Mood::PanicsAtOnce] {
        for operation in [
            None,
            Some("load"),
            Some("lease"),
            Some("store"),
            Some("release"),
        ] {
            let fleet = Fleet::new().await;
            let memory = fleet.memory();
            memory.set(mood, operation);
            let warned = warnings();
            let provider = built(fleet.builder().session_cache(memory.clone())).await;
            let (session, took) = fleet.clock.run_until(provider.session()).await;
            let case = format!("{mood:?} {operation:?}");
            session.expect(&case);
            let most = match mood {
                Mood::Hangs => Duration::from_millis(240),
                _ => Duration::ZERO,
            };
            assert_eq!(took, most, "{case}");
            let calls = memory.calls();
            match operation {
                // After the first failure it is left alone.
                None | Some("load") => assert_eq!(calls, ["load"], "{case}"),
                Some("lease") => assert_eq!(calls, ["load", "lease"], "{case}"),
                Some("store") if mood == Mood::Hangs => assert_eq!(calls.len(), 4, "{case}"),
                // A full store gives leases back.
                _ => assert_eq!(calls.last(), Some(&"release"), "{case}"),
            }
            assert_eq!(warnings() - warned, 1, "{case}");
            fleet
                .clock
                .run_until(provider.refresh())
                .await
                .0
                .expect(&case);
            fleet
                .clock
                .run_until(provider.refresh())
                .await
                .0
                .expect(&case);
            assert_eq!(warnings() - warned, 1, "{case}: within the minute");
            fleet.emulator.look();
        }
    }
}

#[tokio::test]
async fn it_is_reported_again_after_a_minute_and_comes_back_by_itself() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    memory.set(Mood::Fails, None);
    let builder = fleet.builder().session_cache(memory.clone());
    let provider = built(builder.clone()).await;
    let warned = warnings();
    for _ in 0..120 {
        // Not forced: the whole way through the cache.
        let cold = built(builder.clone()).await;
        cold.session().await.unwrap();
        fleet.clock.advance(seconds(1));
    }
    assert_eq!(warnings() - warned, 2);
    memory.set(Mood::Works, None);
    access_key(&built(builder.clone()).await).await;
    let exchanges = fleet.exchanges();
    access_key(&built(builder).await).await;
    assert_eq!((exchanges, fleet.exchanges()), (121, 121));
    drop(provider);
}

#[tokio::test]
async fn a_directory_that_is_gone_or_opened_to_others_is_not_used() {
    let fleet = Fleet::new().await;
    let (parent, cache) = file_cache();
    let builder = fleet.builder().session_cache(cache);
    access_key(&built(builder.clone()).await).await;
    let path = parent.path().join("sessions");
    std::fs::rename(&path, parent.path().join("elsewhere")).unwrap();
    let error = builder.clone().build().await.unwrap_err();
    assert!(
        chain(&error).contains("can't read the directory"),
        "{error}"
    );
    let warned = warnings();
    std::fs::rename(parent.path().join("elsewhere"), &path).unwrap();
    let provider = built(builder).await;
    std::fs::rename(&path, parent.path().join("elsewhere")).unwrap();
    access_key(&provider).await;
    assert_eq!((fleet.exchanges(), warnings() - warned), (2, 1));
}

#[tokio::test]
async fn a_store_that_others_read_is_refused_unsealed() {
    let fleet = Fleet::new().await;
    let mut memory = Memory::new(fleet.clock.clone());
    memory.requires_sealing = true;
    let builder = fleet.builder().session_cache(memory);
    let error = builder.build().await.unwrap_err();
    assert!(
        chain(&error).contains("Sealed::new(cache, SealingKey::local(key))"),
        "{error}"
    );
    assert_eq!(error.problems()[0].setting(), "session_cache");
}

#[tokio::test]
async fn an_identity_that_is_not_found_out_costs_only_the_token() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    // Shared, so that the e-mail is asked for.
    let builder = fleet.builder().session_cache(memory.clone());
    fleet.emulator.answer_next(
        Call::MetadataEmail,
        10,
        aws_google_web_identity_emulator::Answer::status(404),
    );
    access_key(&built(builder.clone()).await).await;
    access_key(&built(builder.clone()).await).await;
    assert_eq!(fleet.exchanges(), 1);
    assert_eq!(fleet.emulator.requests_of(Call::MetadataIdentity).len(), 2);
    // What the stages of the exchange report is not hidden by the cache.
    let deny = crate::support::sts_error(403, "AccessDenied", "no");
    fleet.emulator.answer_next(Call::Sts, 1, deny);
    let provider = built(builder.session_name("other")).await;
    let error = provider.session().await.unwrap_err();
    assert_eq!(
        (error.stage(), error.kind()),
        (Stage::Sts, ErrorKind::Denied)
    );
}
