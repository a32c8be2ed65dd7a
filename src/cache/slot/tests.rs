use super::{Age, PATIENCE, Slot};
use crate::error::{Error, ErrorKind, Stage};
use futures_util::FutureExt as _;
use std::future::{pending, ready};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const RETRY_AFTER: Duration = Duration::from_secs(1);
const LOST_AFTER: Duration = Duration::from_secs(10);
const START: Duration = Duration::from_secs(1000);

fn slot() -> Slot<u32> {
    Slot::new(RETRY_AFTER, LOST_AFTER)
}

fn fresh(_: &u32) -> Age {
    Age::Fresh
}

fn refused() -> Error {
    Error::from_message(Stage::Cache, ErrorKind::Denied, "refused")
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_attempt() {
    let (slot, attempts) = (slot(), AtomicUsize::new(0));
    let make = || {
        attempts.fetch_add(1, Ordering::Relaxed);
        async { Ok(7) }
    };
    let (one, other) = tokio::join!(slot.get(START, fresh, make), slot.get(START, fresh, make));
    assert_eq!((one.unwrap(), other.unwrap()), (7, 7));
    assert_eq!(slot.peek(), Some(7));
    assert_eq!(attempts.into_inner(), 1);
}

#[tokio::test]
async fn an_error_is_returned_again_until_it_is_old() {
    let slot = slot();
    let failing = || ready(Err(refused()));
    let error = slot.get(START, fresh, failing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let soon = START + RETRY_AFTER - Duration::from_millis(1);
    let error = slot.get(soon, fresh, || ready(Ok(7))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let later = START + RETRY_AFTER;
    assert_eq!(slot.get(later, fresh, || ready(Ok(7))).await.unwrap(), 7);
}

#[tokio::test]
async fn a_slow_attempt_keeps_no_further_caller_waiting() {
    let slot = slot();
    let mut first = Box::pin(slot.get(START, fresh, pending));
    assert!(first.as_mut().now_or_never().is_none(), "it waits");
    let late = START + PATIENCE - Duration::from_millis(1);
    assert!(slot.get(late, fresh, pending).now_or_never().is_none());
    let too_late = START + PATIENCE;
    let answer = slot.get(too_late, fresh, pending).now_or_never();
    let error = answer.expect("it does not wait").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let lost = START + LOST_AFTER;
    assert_eq!(slot.get(lost, fresh, || ready(Ok(7))).await.unwrap(), 7);
}

#[tokio::test]
async fn a_value_that_is_due_serves_while_its_successor_is_made() {
    let slot = slot();
    slot.get(START, fresh, || ready(Ok(1))).await.unwrap();
    let due = |_: &u32| Age::Due;
    assert_eq!(slot.get(START, due, || ready(Ok(2))).await.unwrap(), 1);
    tokio::task::yield_now().await;
    assert_eq!(slot.peek(), Some(2));
    let over = |value: &u32| match value {
        3 => Age::Fresh,
        _ => Age::Over,
    };
    assert_eq!(slot.get(START, over, || ready(Ok(3))).await.unwrap(), 3);
}

#[tokio::test]
async fn a_caller_that_goes_away_cancels_nothing() {
    let slot = slot();
    let caller = slot.get(START, fresh, || async {
        tokio::task::yield_now().await;
        Ok(7)
    });
    assert!(caller.now_or_never().is_none());
    for _ in 0..3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(slot.peek(), Some(7));
}

#[tokio::test]
async fn a_panic_is_an_error_and_the_next_call_tries_again() {
    let slot = slot();
    let panics = || async { panic!("a panic of the attempt, as the test wants it") };
    let error = slot.get(START, fresh, panics).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(slot.get(START, fresh, || ready(Ok(7))).await.unwrap(), 7);
}

/// A program may poll a provider's future by another executor.
#[test]
fn outside_a_runtime_it_is_an_error_and_not_a_panic() {
    let slot = slot();
    slot.prepare(START, fresh, || ready(Ok(1)));
    let answer = slot.get(START, fresh, || ready(Ok(1))).now_or_never();
    let error = answer.expect("nobody makes the value").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let value = runtime.block_on(slot.get(START, fresh, || ready(Ok(7))));
    assert_eq!(value.unwrap(), 7);
}

#[test]
fn a_runtime_that_ends_takes_only_its_attempt_along() {
    let slot = slot();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
    };
    let first = runtime();
    first.block_on(async {
        assert!(slot.get(START, fresh, pending).now_or_never().is_none());
    });
    drop(first);
    let value = runtime().block_on(slot.get(START, fresh, || ready(Ok(7))));
    assert_eq!(value.unwrap(), 7);
}
