//! When a session is taken from the cache, and when one is made.

use super::memory::Mood;
use super::{Fleet, access_key, built};
use crate::refresh::world::seconds;
use aws_google_web_identity::{Lease, RefreshPolicy, Stage};
use aws_google_web_identity_emulator::{Answer, Call};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
/// The earliest process refreshes 18 min before the end: 15 min, and a fifth of that as jitter.
const DUE: Duration = Duration::from_secs(3600 - 18 * 60);

#[tokio::test]
async fn the_next_process_takes_the_session_of_the_first() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let first = built(fleet.builder().session_cache(memory.clone())).await;
    let session = first.session().await.unwrap();
    assert_eq!(
        memory.calls(),
        ["load", "lease", "load", "store", "release"]
    );
    fleet.clock.advance(seconds(600));
    let second = built(fleet.builder().session_cache(memory.clone())).await;
    let taken = second.session().await.unwrap();
    assert_eq!(
        taken.credentials().secret_access_key(),
        session.credentials().secret_access_key()
    );
    assert_eq!(
        taken.credentials().session_token(),
        session.credentials().session_token()
    );
    assert_eq!(
        taken.credentials().account_id(),
        session.credentials().account_id()
    );
    assert_eq!(taken.assumed_role_arn(), session.assumed_role_arn());
    // A little less than the truth, never more.
    let earlier = session
        .expires_at()
        .duration_since(taken.expires_at())
        .unwrap();
    assert!(earlier <= Duration::from_millis(240), "{earlier:?}");
    assert_eq!(memory.calls()[5..], ["load"]);
    assert_eq!((fleet.exchanges(), memory.leases()), (1, 0));
    assert_eq!(fleet.emulator.requests_of(Call::MetadataIdentity).len(), 1);
}

#[tokio::test]
async fn a_session_in_its_refresh_window_is_renewed_and_not_handed_around() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let first = built(fleet.builder().session_cache(memory.clone())).await;
    let old = access_key(&first).await;
    fleet.clock.advance(DUE - seconds(5));
    let before = built(fleet.builder().session_cache(memory.clone())).await;
    assert_eq!(access_key(&before).await, old);
    fleet.clock.advance(seconds(5));
    let after = built(fleet.builder().session_cache(memory.clone())).await;
    let new = access_key(&after).await;
    assert_ne!(new, old);
    assert_eq!(fleet.exchanges(), 2);
    // The first one's own refresh finds it.
    fleet.clock.advance(seconds(4 * 60));
    access_key(&first).await;
    fleet.clock.run_for(seconds(1)).await;
    assert_eq!(access_key(&first).await, new);
    assert_eq!(fleet.exchanges(), 2);
}

#[tokio::test]
async fn a_session_from_the_cache_is_refreshed_when_its_first_owner_would() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let policy = RefreshPolicy::new().jitter(0.0);
    let builder = fleet
        .builder()
        .refresh_policy(policy)
        .session_cache(memory.clone());
    let first = built(builder.clone()).await;
    let old = access_key(&first).await;
    fleet.clock.advance(seconds(2600));
    let second = built(builder).await;
    assert_eq!(access_key(&second).await, old);
    // 15 min before the end of the hour, not a third before the end of the rest.
    fleet.clock.advance(seconds(98));
    access_key(&second).await;
    fleet.clock.run_for(seconds(1)).await;
    assert_eq!(fleet.exchanges(), 1);
    fleet.clock.advance(seconds(2));
    access_key(&second).await;
    fleet.clock.run_for(seconds(1)).await;
    assert_eq!(fleet.exchanges(), 2);
    assert_ne!(access_key(&second).await, old);
}

#[tokio::test]
async fn without_the_lease_and_with_nothing_a_process_waits_3_s() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let hold = fleet.emulator.hold(Call::Sts);
    let first = built(fleet.builder().session_cache(memory.clone())).await;
    let second = built(fleet.builder().session_cache(memory.clone())).await;
    let started = fleet.clock.now();
    let first = tokio::spawn(async move { first.session().await });
    fleet.emulator.reached(Call::Sts, 1).await;
    let second = tokio::spawn(async move { second.session().await });
    let (_, waited) = fleet
        .clock
        .run_until(fleet.emulator.reached(Call::Sts, 2))
        .await;
    assert!((seconds(3)..seconds(5)).contains(&waited), "{waited:?}");
    assert!(fleet.clock.now() < started + seconds(5));
    drop(hold);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(memory.leases(), 0);
}

#[tokio::test]
async fn a_slow_cache_does_not_make_the_3_s_longer() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let hold = fleet.emulator.hold(Call::Sts);
    let first = built(fleet.builder().session_cache(memory.clone())).await;
    let second = built(fleet.builder().session_cache(memory.clone())).await;
    let first = tokio::spawn(async move { first.session().await });
    fleet.emulator.reached(Call::Sts, 1).await;
    memory.set(Mood::Slow(Duration::from_millis(200)), None);
    let second = tokio::spawn(async move { second.session().await });
    let reached = fleet.emulator.reached(Call::Sts, 2);
    let (_, waited) = fleet.clock.run_until(reached).await;
    assert!(
        (seconds(3)..Duration::from_millis(4300)).contains(&waited),
        "{waited:?}"
    );
    drop(hold);
    for process in [first, second] {
        fleet.clock.run_until(process).await.0.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_machine_that_is_suspended_while_it_stores_does_not_count_the_session_as_new() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    memory.set(Mood::Suspends(1800), Some("store"));
    let provider = built(fleet.builder().session_cache(memory.clone())).await;
    let first = access_key(&provider).await;
    memory.set(Mood::Fails, None);
    fleet.clock.advance(seconds(1801));
    assert_ne!(access_key(&provider).await, first, "it has expired");
}

#[tokio::test]
async fn a_process_that_waits_takes_the_session_as_soon_as_it_is_there() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let hold = fleet.emulator.hold(Call::Sts);
    let first = built(fleet.builder().session_cache(memory.clone())).await;
    let second = built(fleet.builder().session_cache(memory.clone())).await;
    let first = tokio::spawn(async move { access_key(&first).await });
    fleet.emulator.reached(Call::Sts, 1).await;
    let second = tokio::spawn(async move { access_key(&second).await });
    fleet.clock.run_for(seconds(1)).await;
    drop(hold);
    let (second, waited) = fleet.clock.run_until(second).await;
    assert_eq!(second.unwrap(), first.await.unwrap());
    assert!(waited < seconds(1), "{waited:?}");
    assert_eq!(fleet.exchanges(), 1);
}

#[tokio::test]
async fn with_a_valid_session_nobody_waits_and_nobody_exchanges_twice() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let policy = RefreshPolicy::new().jitter(0.0);
    let builder = fleet
        .builder()
        .refresh_policy(policy)
        .session_cache(memory.clone());
    let (first, second) = (built(builder.clone()).await, built(builder).await);
    let old = access_key(&first).await;
    assert_eq!(access_key(&second).await, old);
    fleet.clock.advance(seconds(2701));
    let hold = fleet.emulator.hold(Call::Sts);
    assert_eq!(access_key(&first).await, old);
    fleet.emulator.reached(Call::Sts, 2).await;
    for _ in 0..3 {
        assert_eq!(access_key(&second).await, old);
        fleet.clock.run_for(seconds(1)).await;
    }
    assert_eq!(fleet.exchanges(), 2);
    drop(hold);
    fleet.clock.run_for(seconds(4)).await;
    let new = access_key(&first).await;
    assert_ne!(new, old);
    assert_eq!(access_key(&second).await, new);
    assert_eq!(fleet.exchanges(), 2);
}

#[tokio::test]
async fn the_lease_of_a_process_that_was_killed_ends_and_another_renews() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let policy = RefreshPolicy::new().jitter(0.0);
    let builder = fleet
        .builder()
        .refresh_policy(policy)
        .session_cache(memory.clone());
    let (first, second) = (built(builder.clone()).await, built(builder).await);
    let old = access_key(&first).await;
    assert_eq!(access_key(&second).await, old);
    fleet.clock.advance(seconds(2701));
    let hold = fleet.emulator.hold(Call::Sts);
    assert_eq!(access_key(&first).await, old);
    fleet.emulator.reached(Call::Sts, 2).await;
    // Dropped in the middle of its exchange.
    drop(first);
    fleet.clock.run_for(seconds(1)).await;
    assert_eq!(memory.leases(), 1);
    drop(hold);
    let renewed = async {
        while access_key(&second).await == old {
            fleet.clock.run_for(seconds(1)).await;
        }
    };
    let begun = fleet.clock.now();
    renewed.await;
    let after = fleet.clock.now().duration_since(begun).unwrap();
    assert!((seconds(15)..seconds(30)).contains(&after), "{after:?}");
    assert_eq!((fleet.exchanges(), memory.leases()), (3, 0));
    assert_eq!(Lease::LENGTH, seconds(20));
}

#[tokio::test]
async fn one_that_is_to_be_renewed_soon_is_better_than_waiting() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let first = built(fleet.builder().session_cache(memory.clone())).await;
    let old = access_key(&first).await;
    fleet.clock.advance(DUE + seconds(10));
    let hold = fleet.emulator.hold(Call::Sts);
    let second = built(fleet.builder().session_cache(memory.clone())).await;
    let _second = tokio::spawn(async move { second.session().await });
    fleet.emulator.reached(Call::Sts, 2).await;
    let third = built(fleet.builder().session_cache(memory.clone())).await;
    assert_eq!(access_key(&third).await, old, "and the clock has not moved");
    drop(hold);
    // Its own refresh, 3 min later at most, finds the renewed one.
    fleet.clock.run_for(seconds(180)).await;
    access_key(&third).await;
    fleet.clock.run_for(seconds(1)).await;
    assert_ne!(access_key(&third).await, old);
    assert_eq!(fleet.exchanges(), 2);
}

#[tokio::test]
async fn a_forced_refresh_takes_no_stored_session_and_replaces_it() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let first = built(fleet.builder().session_cache(memory.clone())).await;
    let old = access_key(&first).await;
    fleet.clock.advance(seconds(1));
    first.refresh().await.unwrap();
    let new = access_key(&first).await;
    assert_ne!(new, old);
    let second = built(fleet.builder().session_cache(memory)).await;
    assert_eq!(access_key(&second).await, new);
    assert_eq!(fleet.exchanges(), 2);
    // Not even one that lives longer than its own: the caller knows that it is of no use.
    fleet.clock.advance(seconds(60));
    second.refresh().await.unwrap();
    fleet.clock.advance(seconds(1));
    first.refresh().await.unwrap();
    assert_ne!(access_key(&first).await, access_key(&second).await);
    assert_eq!(fleet.exchanges(), 4);
}

#[tokio::test]
async fn an_error_is_not_stored_and_gives_the_lease_back() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    fleet.emulator.answer_next(
        Call::Sts,
        1,
        crate::support::sts_error(403, "AccessDenied", "no"),
    );
    let first = built(fleet.builder().session_cache(memory.clone())).await;
    first.session().await.unwrap_err();
    assert_eq!((memory.entries().len(), memory.leases()), (0, 0));
    let second = built(fleet.builder().session_cache(memory)).await;
    second.session().await.unwrap();
}

#[tokio::test]
async fn an_outage_does_not_keep_a_stored_session_from_being_used_to_its_end() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let first = built(fleet.builder().session_cache(memory.clone())).await;
    let old = access_key(&first).await;
    fleet
        .emulator
        .answer_next(Call::Sts, 10_000, Answer::status(503));
    fleet.clock.advance(seconds(3500));
    let session = fleet.clock.run_until(first.session()).await.0;
    assert_eq!(session.unwrap().credentials().access_key_id(), old);
    fleet.clock.advance(HOUR);
    fleet.clock.run_until(first.session()).await.0.unwrap_err();
}

#[tokio::test]
async fn in_an_outage_a_new_process_uses_the_stored_session_to_its_end() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let first = built(fleet.builder().session_cache(memory.clone())).await;
    let old = access_key(&first).await;
    fleet
        .emulator
        .answer_next(Call::Sts, 10_000, Answer::status(503));
    let end = fleet.clock.now() + HOUR;
    for (before_end, is_valid) in [(600, true), (120, true), (0, false)] {
        let now = end - seconds(before_end);
        let ahead = now.duration_since(fleet.clock.now());
        fleet.clock.advance(ahead.unwrap_or_default());
        let asked = fleet.exchanges();
        let new = built(fleet.builder().session_cache(memory.clone())).await;
        let session = fleet.clock.run_until(new.session()).await.0;
        assert!(fleet.exchanges() > asked, "it tries to renew the session");
        match is_valid {
            true => assert_eq!(session.unwrap().credentials().access_key_id(), old),
            false => assert_eq!(session.unwrap_err().stage(), Stage::Sts),
        }
        let refreshed = fleet.clock.run_until(new.refresh()).await.0;
        let error = refreshed.expect_err("a forced refresh takes no stored session");
        assert_eq!(error.stage(), Stage::Sts);
    }
}

#[tokio::test]
async fn a_thousand_callers_of_one_process_visit_the_cache_once() {
    let fleet = Fleet::new().await;
    let memory = fleet.memory();
    let provider = built(fleet.builder().session_cache(memory.clone())).await;
    futures_util::future::join_all((0..1000).map(|_| access_key(&provider))).await;
    assert_eq!(memory.calls().len(), 5);
    assert_eq!(fleet.exchanges(), 1);
}
