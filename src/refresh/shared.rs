//! What callers and tasks share: the cached value and the state, and who may start the next fetch.

use super::cached::{Cached, Freshness};
use super::fetch::Fetch;
use super::in_flight::{Completion, InFlight, Outcome};
use super::policy::RefreshPolicy;
use super::state::{Join, State};
use super::sync::{ArcSwapOption, Mutex, MutexGuard, Runtime};
use crate::clock::{Clocks, Moment};
use crate::error::Error;
use std::sync::{Arc, PoisonError};
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
        let (in_flight, completion) = state.start(now, runtime, &self.policy, false);
        drop(state);
        spawn(completion);
        Admission::InFlight(in_flight)
    }

    /// The fetch in flight or a new, forced one, whatever is cached.
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
        let (in_flight, completion) = state.start(&now, runtime, &self.policy, true);
        drop(state);
        spawn(completion);
        in_flight
    }

    /// Waits for a fetch to end. A lost one is abandoned, so that nobody joins it any more. If it
    /// is only late, its value still counts.
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
