use super::*;
use crate::error::{ErrorKind, Stage};
use std::time::{Instant, SystemTime};

#[test]
fn an_abandoned_fetch_that_fails_changes_nothing() {
    let policy = RefreshPolicy::default();
    let mut state = State::new(fastrand::Rng::with_seed(1));
    #[allow(clippy::disallowed_methods, reason = "any time will do")]
    let now = Moment {
        wall: SystemTime::UNIX_EPOCH,
        monotonic: Instant::now(),
    };
    let fails = |state: &mut State, number| {
        let late = Error::from_message(Stage::Source, ErrorKind::Denied, "late");
        state.failed(number, late, now, Duration::ZERO, &policy);
    };
    let (_, _abandoned) = state.start(&now, &Runtime, &policy, false);
    let (_, _next) = state.start(&now, &Runtime, &policy, false);
    fails(&mut state, 0);
    let in_flight = state.in_flight(&now, &Runtime, Join::Any);
    let in_flight = in_flight.map(|in_flight| in_flight.number());
    assert!(state.cached_error(&now).is_none());
    assert_eq!(in_flight, Some(1));
    state.succeeded(1);
    fails(&mut state, 0);
    assert!(state.cached_error(&now).is_none());
    // The failure of the fetch in flight is cached.
    let (_, _own) = state.start(&now, &Runtime, &policy, false);
    fails(&mut state, 2);
    assert!(state.cached_error(&now).is_some());
}
