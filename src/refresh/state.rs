//! The fetch in flight and the last failure.

use super::in_flight::{Completion, InFlight};
use super::policy::RefreshPolicy;
use super::sync::Runtime;
use crate::clock::Moment;
use crate::error::Error;
use std::time::Duration;

/// Which fetches in flight a caller may join.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    Any,
    /// Those on the caller's own runtime, which lives as long as the caller.
    OwnRuntime,
}

/// The fetch in flight and the last failure. [`Shared`](super::shared::Shared) guards it by a lock.
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

    pub(super) fn in_flight(
        &self,
        now: &Moment,
        runtime: &Runtime,
        join: Join,
    ) -> Option<InFlight> {
        let may_join = |in_flight: &&InFlight| join == Join::Any || in_flight.runs_on(runtime);
        let in_flight = self.in_flight.as_ref().filter(may_join);
        in_flight
            .filter(|in_flight| in_flight.is_running(now))
            .cloned()
    }

    pub(super) fn cached_error(&self, now: &Moment) -> Option<Error> {
        let last = self.last_failure.as_ref()?;
        (last.at.age(now) < last.cached_for).then(|| last.error.clone())
    }

    pub(super) fn start(
        &mut self,
        now: &Moment,
        runtime: &Runtime,
        policy: &RefreshPolicy,
        forced: bool,
    ) -> (InFlight, Completion) {
        let deadline = self.deadline(policy);
        let (in_flight, completion) = InFlight::start(self.next, now, deadline, runtime, forced);
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
        let backoff = policy
            .backoff_after(self.failures, left, self.random.f64())
            .max(policy.asked_for(&error, left));
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
    pub(super) fn clear(&mut self, number: u64) -> bool {
        self.in_flight
            .take_if(|in_flight| in_flight.number() == number)
            .is_some()
    }
}

#[cfg(test)]
mod tests;
