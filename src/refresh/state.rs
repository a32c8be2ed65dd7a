//! What callers and tasks share: the cached value, the fetch in flight, the last failure, and who
//! may start the next fetch.

use super::cached::{Cached, Freshness};
use super::fetch::Fetch;
use super::in_flight::{Completion, InFlight, Outcome};
use super::policy::RefreshPolicy;
use super::sync::{ArcSwapOption, Mutex, MutexGuard, Runtime};
use crate::clock::{Clocks, Moment};
use crate::error::Error;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Everything that one refresher's callers and tasks share.
pub(super) struct Shared<F: Fetch> {
    pub(super) fetch: F,
    pub(super) policy: RefreshPolicy,
    pub(super) clocks: Clocks,
    /// Read without the lock, written only under it.
    pub(super) cached: ArcSwapOption<Cached<F::Value>>,
    /// Never held across an await, nor while a task is spawned.
    state: Mutex<State>,
    /// Ends when the last handle is dropped.
    pub(super) handles: watch::Receiver<()>,
}

/// The answer to a caller that needs a newer value than it saw.
pub(super) enum Admission<V> {
    /// A fetch has landed since the caller looked.
    Newer(Arc<Cached<V>>),
    /// The fetch to wait for.
    InFlight(InFlight),
    /// The last fetch failed, and its error is still cached.
    HeldBack(Error),
}

/// Which fetches in flight a caller may join.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    Any,
    /// Those on the caller's own runtime, which lives as long as the caller.
    OwnRuntime,
}

impl<F: Fetch> Shared<F> {
    pub(super) fn new(
        fetch: F,
        policy: RefreshPolicy,
        clocks: Clocks,
        random: fastrand::Rng,
        handles: watch::Receiver<()>,
    ) -> Self {
        Self {
            fetch,
            policy,
            clocks,
            cached: ArcSwapOption::empty(),
            state: Mutex::new(State::new(random)),
            handles,
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides what a caller gets that needs a newer value than that of fetch number `seen`, or any
    /// value if it saw none. `spawn` runs the new fetch, if there is to be one.
    ///
    /// The caller looked without the lock, so a fetch may have landed since. Landing replaces the
    /// value and clears the fetch in flight under this same lock. Hence a caller finds here either
    /// that fetch still in flight or its value, and does not start a second fetch for the same
    /// need. The numbers are compared and not the times: `now` may be older than the new value, or
    /// a clock may have stepped.
    pub(super) fn admit(
        &self,
        now: &Moment,
        seen: Option<u64>,
        runtime: &Runtime,
        join: Join,
        spawn: impl FnOnce(Completion),
    ) -> Admission<F::Value> {
        let mut state = self.state();
        let newer = self.valid(now).filter(|cached| Some(cached.number) > seen);
        if let Some(newer) = newer {
            return Admission::Newer(newer);
        }
        // Before the cached error: this fetch started after that failure.
        if let Some(in_flight) = state.in_flight(now, runtime, join) {
            return Admission::InFlight(in_flight);
        }
        if let Some(error) = state.cached_error(now) {
            return Admission::HeldBack(error);
        }
        let (in_flight, completion) = state.start(now, runtime, &self.policy);
        drop(state);
        spawn(completion);
        Admission::InFlight(in_flight)
    }

    /// The fetch in flight or a new one, whatever is cached.
    pub(super) fn join_or_start(
        &self,
        runtime: &Runtime,
        join: Join,
        spawn: impl FnOnce(Completion),
    ) -> InFlight {
        let now = self.clocks.now();
        let mut state = self.state();
        if let Some(in_flight) = state.in_flight(&now, runtime, join) {
            return in_flight;
        }
        let (in_flight, completion) = state.start(&now, runtime, &self.policy);
        drop(state);
        spawn(completion);
        in_flight
    }

    /// Waits for a fetch to end. A lost one is abandoned, so that nobody joins it any more. If it is only
    /// late, its value still counts.
    pub(super) async fn outcome(&self, in_flight: InFlight) -> Outcome {
        let number = in_flight.number();
        let outcome = in_flight.outcome(&self.clocks).await;
        if let Outcome::Lost = outcome {
            self.state().clear(number);
        }
        outcome
    }

    /// The cached value, unless it has expired.
    pub(super) fn valid(&self, now: &Moment) -> Option<Arc<Cached<F::Value>>> {
        let cached = self.cached.load_full();
        cached.filter(|cached| cached.freshness(now) != Freshness::Expired)
    }

    /// The valid value, counted anew if a clock has stepped.
    pub(super) fn counted(&self, now: &Moment) -> Option<Arc<Cached<F::Value>>> {
        let has_stepped =
            |cached: &Cached<F::Value>| cached.freshness(now) == Freshness::ClockStepped;
        let cached = self.valid(now)?;
        if !has_stepped(&cached) {
            return Some(cached);
        }
        self.replace(|cached| has_stepped(cached).then(|| cached.counted_anew(now)));
        self.valid(now)
    }

    /// The valid value with an advertised expiry that is good until a cache above should ask again.
    pub(super) fn current(&self, now: &Moment) -> Option<Arc<Cached<F::Value>>> {
        let cached = self.counted(now)?;
        if cached.is_fresh(now) || cached.held_longer(now).is_none() {
            return Some(cached);
        }
        self.replace(|cached| cached.held_longer(now));
        self.valid(now)
    }

    /// Replaces the cached value by one made from it. Under the lock, under which fetches land too:
    /// a value made from an old one must not overwrite a new one.
    fn replace(&self, change: impl Fn(&Cached<F::Value>) -> Option<Cached<F::Value>>) {
        let _state = self.state();
        if let Some(changed) = self
            .cached
            .load()
            .as_ref()
            .and_then(|cached| change(cached))
        {
            self.cached.store(Some(Arc::new(changed)));
        }
    }
}

/// What the lock guards.
pub(super) struct State {
    in_flight: Option<InFlight>,
    next: u64,
    has_fetched: bool,
    failures: u32,
    last_failure: Option<LastFailure>,
    keeps_warm: bool,
    random: fastrand::Rng,
}

struct LastFailure {
    error: Error,
    at: Moment,
    /// How long callers get the error in place of a fetch.
    cached_for: Duration,
    /// How long the keep-warm task waits.
    backoff: Duration,
}

impl State {
    pub(super) fn new(random: fastrand::Rng) -> Self {
        Self {
            in_flight: None,
            next: 0,
            has_fetched: false,
            failures: 0,
            last_failure: None,
            keeps_warm: false,
            random,
        }
    }

    /// The number of the next fetch.
    pub(super) fn next_number(&self) -> u64 {
        self.next
    }

    pub(super) fn random(&mut self) -> f64 {
        self.random.f64()
    }

    /// The deadline of the next fetch.
    pub(super) fn deadline(&self, policy: &RefreshPolicy) -> Duration {
        if self.has_fetched {
            policy.fetch_deadline()
        } else {
            policy.first_deadline()
        }
    }

    fn in_flight(&self, now: &Moment, runtime: &Runtime, join: Join) -> Option<InFlight> {
        let may_join = |in_flight: &&InFlight| join == Join::Any || in_flight.runs_on(runtime);
        let in_flight = self.in_flight.as_ref().filter(may_join);
        in_flight
            .filter(|in_flight| in_flight.is_running(now))
            .cloned()
    }

    fn cached_error(&self, now: &Moment) -> Option<Error> {
        let last = self.last_failure.as_ref()?;
        (last.at.age(now) < last.cached_for).then(|| last.error.clone())
    }

    fn start(
        &mut self,
        now: &Moment,
        runtime: &Runtime,
        policy: &RefreshPolicy,
    ) -> (InFlight, Completion) {
        let deadline = self.deadline(policy);
        let (in_flight, completion) = InFlight::start(self.next, now, deadline, runtime);
        self.next += 1;
        self.in_flight = Some(in_flight.clone());
        (in_flight, completion)
    }

    /// The fetch of this number brought a value.
    pub(super) fn succeeded(&mut self, number: u64) {
        self.clear(number);
        self.has_fetched = true;
        self.failures = 0;
        self.last_failure = None;
    }

    /// The fetch of this number failed, with so much lifetime left of the cached value.
    pub(super) fn failed(
        &mut self,
        number: u64,
        error: Error,
        at: Moment,
        left: Duration,
        policy: &RefreshPolicy,
    ) {
        // The failure of an abandoned fetch says nothing about the fetch that replaced it.
        if !self.clear(number) {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let backoff = policy.backoff_after(self.failures, left, self.random.f64());
        let cached_for = if left.is_zero() {
            policy.error_cached_for(&error, backoff)
        } else {
            backoff
        };
        self.last_failure = Some(LastFailure {
            error,
            at,
            cached_for,
            backoff,
        });
    }

    /// How long until a fetch may begin that no caller asked for.
    pub(super) fn backoff_left(&self, now: &Moment) -> Duration {
        self.last_failure.as_ref().map_or(Duration::ZERO, |last| {
            let pause = last.cached_for.max(last.backoff);
            pause.saturating_sub(last.at.age(now))
        })
    }

    /// Whether the keep-warm task is to be started: there is one at a time.
    pub(super) fn begin_keep_warm(&mut self) -> bool {
        !std::mem::replace(&mut self.keeps_warm, true)
    }

    pub(super) fn end_keep_warm(&mut self) {
        self.keeps_warm = false;
    }

    /// Whether the fetch of this number was the one in flight; it no longer is.
    fn clear(&mut self, number: u64) -> bool {
        self.in_flight
            .take_if(|in_flight| in_flight.number() == number)
            .is_some()
    }
}

#[cfg(test)]
mod tests {
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
            let late = Error::message(Stage::Source, ErrorKind::Denied, "late");
            state.failed(number, late, now, Duration::ZERO, &policy);
        };
        let (_, _abandoned) = state.start(&now, &Runtime, &policy);
        let (_, _next) = state.start(&now, &Runtime, &policy);
        fails(&mut state, 0);
        let in_flight = state.in_flight(&now, &Runtime, Join::Any);
        let in_flight = in_flight.map(|in_flight| in_flight.number());
        assert!(state.cached_error(&now).is_none());
        assert_eq!(in_flight, Some(1));
        state.succeeded(1);
        fails(&mut state, 0);
        assert!(state.cached_error(&now).is_none());
        // The failure of the fetch in flight is cached.
        let (_, _own) = state.start(&now, &Runtime, &policy);
        fails(&mut state, 2);
        assert!(state.cached_error(&now).is_some());
    }
}
