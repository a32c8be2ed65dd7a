//! The refresher: caches one value that expires, and refreshes it before it does. It knows nothing
//! of Google or AWS.
//!
//! # Reading
//!
//! What a caller gets depends on the age of the cached value:
//!
//! | Age | The caller |
//! |---|---|
//! | fresh | gets it at once: one atomic load, no lock, no allocation, no runtime |
//! | advisory window | starts a fetch and gets the old value at once |
//! | mandatory window | waits for the fetch for 3 s at most, then gets the old value |
//! | expired, or none | waits for the fetch |
//!
//! # Fetching
//!
//! There is one fetch at a time, in a task of its own, with a deadline. A caller that is dropped
//! does not cancel it. The task stores the result before it tells the waiters.
//!
//! A fetch without an outcome counts as lost: its runtime has ended, or answers no probe. Its
//! waiters then start another. The last attempt of each caller runs on the caller's own runtime.
//!
//! # Failures
//!
//! A failed fetch never replaces a valid value. While there is one, the next fetch waits for an
//! exponential backoff. While there is none, the error is cached for a moment, so that the callers
//! of that moment share it.
//!
//! # Clocks
//!
//! A lifetime is a duration, counted on the wall clock and on the monotonic clock: the value is
//! expired when either says so. When one of them steps, the age so far is kept and counted on from
//! there.
//!
//! # Where to look
//!
//! `policy` has every number, `cached` the value and its times, `calendar` the refreshes of many
//! values, `in_flight` a running fetch,
//! `state` the last failure, `shared` the admission of callers, `task` the fetch and what becomes
//! of its result.

mod cached;
mod calendar;
mod fetch;
mod in_flight;
#[cfg(test)]
mod interleavings;
mod policy;
mod shared;
mod state;
mod sync;
mod task;

pub(crate) use calendar::Calendar;
pub(crate) use fetch::{Deadline, Expiring, Fetch, FetchFailure, FetchFuture, Fetched, Need};
pub use policy::RefreshPolicy;

use crate::clock::{Clocks, Moment};
use crate::error::{Error, Stage};
use cached::Freshness;
use in_flight::Outcome;
use policy::{MANDATORY_PATIENCE, MAX_ATTEMPTS};
use shared::{Admission, Shared};
use state::Join;
use std::sync::Arc;
use tokio::sync::watch;

/// Caches what it fetches. Cheap to clone; the clones share the value.
pub(crate) struct Refresher<F: Fetch> {
    shared: Arc<Shared<F>>,
    /// Dropped with the last clone. A task holds only `shared`.
    handle: Arc<Handle>,
}

impl<F: Fetch> Clone for Refresher<F> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            handle: self.handle.clone(),
        }
    }
}

/// Tells the tasks when the last clone is dropped: their receivers see the sender go.
struct Handle {
    _sender: watch::Sender<()>,
}

impl<F: Fetch> Refresher<F> {
    /// Fetches nothing and spawns nothing yet.
    pub(crate) fn new(fetch: F, policy: RefreshPolicy, clocks: Clocks) -> Self {
        Self::with_random(fetch, policy, clocks, fastrand::Rng::new())
    }

    fn with_random(fetch: F, policy: RefreshPolicy, clocks: Clocks, random: fastrand::Rng) -> Self {
        let (sender, handles) = watch::channel(());
        Self {
            shared: Arc::new(Shared::new(fetch, policy, clocks, random, handles)),
            handle: Arc::new(Handle { _sender: sender }),
        }
    }

    /// Returns `hit(value)` if a value is available without waiting, else `miss()`.
    ///
    /// This is the read path. A fresh value needs both clocks, one atomic load and a comparison: no
    /// lock, no allocation, no runtime. It is right without a lock because a cached value is
    /// replaced as a whole, and a reader that loaded the old one an instant too early gets a value
    /// that is still valid. Everything that is not fresh takes the slow path, out of line.
    #[inline]
    pub(crate) fn cached_or<T>(
        &self,
        hit: impl FnOnce(&F::Value) -> T,
        miss: impl FnOnce() -> T,
    ) -> T {
        let now = self.shared.clocks.now();
        let cached = self.shared.cached.load();
        if let Some(cached) = cached.as_ref()
            && cached.is_fresh(&now)
        {
            // `hit` makes the caller's result in place: an `Option` on the way would be another
            // move.
            return hit(&cached.value);
        }
        drop(cached);
        self.slow_path(&now, hit).unwrap_or_else(miss)
    }

    /// The value that can be had without waiting, when it is not fresh. In the advisory window this
    /// starts the fetch.
    #[cold]
    fn slow_path<T>(&self, now: &Moment, pick: impl FnOnce(&F::Value) -> T) -> Option<T> {
        let cached = self.shared.counted(now)?;
        match cached.freshness(now) {
            Freshness::Fresh => Some(pick(&cached.value)),
            Freshness::Advisory => {
                // Without a runtime, or after a failure, nothing is started. The old value will do.
                let _ = task::admit(&self.shared, now, Some(cached.number), Join::Any);
                let current = self.shared.current(now)?;
                Some(pick(&current.value))
            }
            Freshness::ClockStepped | Freshness::Mandatory | Freshness::Expired => None,
        }
    }

    /// Whether there is no other clone.
    pub(crate) fn is_only_handle(&self) -> bool {
        Arc::strong_count(&self.handle) == 1
    }

    /// The cached value unless it has expired, without waiting and without starting a fetch.
    pub(crate) fn current<T>(&self, pick: impl Fn(&F::Value) -> T) -> Option<T> {
        let now = self.shared.clocks.now();
        let current = self.shared.current(&now)?;
        Some(pick(&current.value))
    }

    /// The value, fetched if necessary.
    ///
    /// Each attempt waits for one fetch. Another attempt follows when that fetch was lost, or when
    /// its value was forgotten or expired before this caller ran again.
    pub(crate) async fn get<T>(&self, pick: impl Fn(&F::Value) -> T) -> Result<T, Error> {
        let shared = &self.shared;
        for attempt in 1..=MAX_ATTEMPTS {
            // Before the look at the value, so that a value which lands after the look counts as
            // newer.
            let seen = shared.cached.load_full().map(|cached| cached.number);
            if let Some(value) = self.cached_or(|value| Some(pick(value)), || None) {
                return Ok(value);
            }
            let now = shared.clocks.now();
            let in_flight = match task::admit(shared, &now, seen, join(attempt)) {
                Ok(Admission::InFlight(in_flight)) => in_flight,
                Ok(Admission::Newer(cached)) => return Ok(pick(&cached.value)),
                // The old value if it is valid, even in the mandatory window: waiting would not
                // help.
                Ok(Admission::HeldBack(error)) | Err(error) => {
                    return self.current(&pick).ok_or(error);
                }
            };
            match shared.valid(&now).map(|cached| cached.left(&now)) {
                Some(left) => {
                    tokio::select! {
                        biased;
                        _ = shared.outcome(in_flight) => {}
                        () = shared.clocks.sleep(MANDATORY_PATIENCE.min(left)) => {}
                    }
                    // The new value or the old one. If that has expired by now, the next attempt
                    // waits.
                    if let Some(value) = self.current(&pick) {
                        return Ok(value);
                    }
                }
                None => match shared.outcome(in_flight).await {
                    Outcome::Published | Outcome::Lost => {}
                    Outcome::Failed(error) => return Err(error),
                },
            }
        }
        self.current(&pick)
            .ok_or_else(|| FetchFailure::RuntimeEnded.error(Stage::Source, F::WHAT))
    }

    /// Fetches now, whatever is cached and whatever failed before. Joins only a forced fetch that
    /// started after this call: an earlier one may have read what the caller knows to be outdated,
    /// and one that is not forced may take an old value from elsewhere.
    pub(crate) async fn refresh(&self) -> Result<(), Error> {
        let shared = &self.shared;
        let first = shared.state().next_number();
        for attempt in 1..=MAX_ATTEMPTS {
            let in_flight = loop {
                let in_flight = task::join_or_start(shared, join(attempt))?;
                if in_flight.number() >= first && in_flight.is_forced() {
                    break in_flight;
                }
                shared.outcome(in_flight).await;
            };
            match shared.outcome(in_flight).await {
                Outcome::Published => return Ok(()),
                Outcome::Failed(error) => return Err(error),
                Outcome::Lost => {}
            }
        }
        Err(FetchFailure::RuntimeEnded.error(Stage::Source, F::WHAT))
    }

    /// The deadline that a fetch started now would have, for work of the caller's own.
    pub(crate) fn deadline(&self, what: &'static str) -> Deadline {
        let allowed = self.shared.state().deadline(&self.shared.policy);
        Deadline::new(self.shared.clocks.clone(), allowed, what)
    }

    /// Forgets the cached value if it is the one meant.
    pub(crate) fn forget(&self, is_meant: impl Fn(&F::Value) -> bool) {
        // Under the lock, so that a value that lands meanwhile is not forgotten in its place.
        let _state = self.shared.state();
        let cached = self.shared.cached.load();
        if cached
            .as_ref()
            .is_some_and(|cached| is_meant(&cached.value))
        {
            self.shared.cached.store(None);
        }
    }
}

/// The last attempt depends on no other runtime than the caller's.
fn join(attempt: usize) -> Join {
    if attempt < MAX_ATTEMPTS {
        Join::Any
    } else {
        Join::OwnRuntime
    }
}
