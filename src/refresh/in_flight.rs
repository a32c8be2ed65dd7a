//! The fetch in flight: the end that its waiters hold and the end that its task holds.

use super::policy::{GRACE, PROBE_AFTER, PROBE_PATIENCE};
use super::sync::Runtime;
use crate::clock::{Clocks, Moment};
use crate::error::Error;
use std::time::Duration;
use tokio::sync::watch;

/// How a fetch ended.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Published,
    Failed(Error),
    /// Its runtime ended or stands still: it never reports.
    Lost,
}

/// A fetch in flight, as its waiters see it.
#[derive(Clone)]
pub(super) struct InFlight {
    number: u64,
    forced: bool,
    started: Moment,
    /// How long waiters wait, from the start.
    patience: Duration,
    /// The runtime of its task.
    runtime: Runtime,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// A fetch in flight, as its task sees it. Dropped without an outcome, the fetch is lost.
pub(super) struct Completion {
    pub(super) number: u64,
    pub(super) forced: bool,
    pub(super) deadline: Duration,
    pub(super) runtime: Runtime,
    outcome: watch::Sender<Option<Outcome>>,
}

impl Completion {
    pub(super) fn report(self, outcome: Outcome) {
        self.outcome.send_replace(Some(outcome));
    }
}

impl InFlight {
    pub(super) fn start(
        number: u64,
        now: &Moment,
        deadline: Duration,
        runtime: &Runtime,
        forced: bool,
    ) -> (Self, Completion) {
        let (sender, receiver) = watch::channel(None);
        let in_flight = Self {
            number,
            forced,
            started: *now,
            patience: deadline.saturating_add(GRACE),
            runtime: runtime.clone(),
            outcome: receiver,
        };
        let completion = Completion {
            number,
            forced,
            deadline,
            runtime: runtime.clone(),
            outcome: sender,
        };
        (in_flight, completion)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Whether a caller asked for it whatever was cached.
    pub(super) fn is_forced(&self) -> bool {
        self.forced
    }

    pub(super) fn runs_on(&self, runtime: &Runtime) -> bool {
        self.runtime == *runtime
    }

    /// Whether it is worth waiting for: it has not ended, its task is there, and it is not overdue.
    pub(super) fn is_running(&self, now: &Moment) -> bool {
        let has_task = self.outcome.has_changed().is_ok();
        let has_ended = self.outcome.borrow().is_some();
        has_task && !has_ended && !self.time_left(now).is_zero()
    }

    /// How long until it counts as lost. By the monotonic clock alone: a wall clock that is set
    /// must not make a healthy fetch look lost.
    fn time_left(&self, now: &Moment) -> Duration {
        let elapsed = now
            .monotonic
            .saturating_duration_since(self.started.monotonic);
        self.patience.saturating_sub(elapsed)
    }

    /// Waits for it to end. Dropping this future has no effect on the fetch.
    ///
    /// A runtime that has ended drops the task and its sender, which shows at once. One that stands
    /// still, as a current-thread runtime does outside `block_on`, drops nothing and reports
    /// nothing: so it is probed with a task of its own. A fetch that is merely slow passes the
    /// probe. The caller's own runtime needs none: it runs this very code.
    pub(super) async fn outcome(mut self, clocks: &Clocks) -> Outcome {
        let is_own = Runtime::current().is_some_and(|runtime| self.runs_on(&runtime));
        let probe_after = if is_own { Duration::MAX } else { PROBE_AFTER };
        loop {
            let time_left = self.time_left(&clocks.now());
            tokio::select! {
                biased;
                outcome = ended(&mut self.outcome) => return outcome,
                () = clocks.sleep(time_left.min(probe_after)) => {}
            }
            if time_left <= probe_after {
                return Outcome::Lost;
            }
            tokio::select! {
                biased;
                outcome = ended(&mut self.outcome) => return outcome,
                true = self.runtime.runs_tasks() => {}
                () = clocks.sleep(PROBE_PATIENCE) => return Outcome::Lost,
            }
        }
    }
}

async fn ended(outcome: &mut watch::Receiver<Option<Outcome>>) -> Outcome {
    match outcome.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or(Outcome::Lost),
        Err(_) => Outcome::Lost,
    }
}
