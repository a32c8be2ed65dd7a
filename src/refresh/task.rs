//! The tasks: one runs a fetch and lands its result, another one keeps the value warm.

use super::cached::{Cached, Freshness};
use super::fetch::{Deadline, Fetch, FetchFailure, Fetched, Need};
use super::in_flight::{Completion, InFlight, Outcome};
use super::policy::{LONGEST_SLEEP, MIN_LIFETIME};
use super::shared::{Admission, Shared};
use super::state::Join;
use super::sync::Runtime;
use crate::clock::Moment;
use crate::error::{Error, Stage};
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

/// [`Shared::admit`], with new fetches on the caller's runtime.
///
/// Without a runtime, nobody is admitted: it is needed to wait for another caller's fetch, too.
pub(super) fn admit<F: Fetch>(
    shared: &Arc<Shared<F>>,
    now: &Moment,
    seen: Option<u64>,
    join: Join,
) -> Result<Admission<F::Value>, Error> {
    let runtime = current_runtime::<F>()?;
    Ok(shared.admit(now, seen, &runtime, join, |completion| {
        spawn(shared, completion);
    }))
}

/// [`Shared::join_or_start`], with new fetches on the caller's runtime.
pub(super) fn join_or_start<F: Fetch>(
    shared: &Arc<Shared<F>>,
    join: Join,
) -> Result<InFlight, Error> {
    let runtime = current_runtime::<F>()?;
    Ok(shared.join_or_start(&runtime, join, |completion| spawn(shared, completion)))
}

fn current_runtime<F: Fetch>() -> Result<Runtime, Error> {
    Runtime::current().ok_or_else(|| FetchFailure::NoRuntime.error(Stage::Source, F::WHAT))
}

fn spawn<F: Fetch>(shared: &Arc<Shared<F>>, completion: Completion) {
    let runtime = completion.runtime.clone();
    runtime.spawn(run(shared.clone(), completion));
    if shared.policy.is_keep_warm() && shared.state().begin_keep_warm() {
        runtime.spawn(keep_warm(KeepWarmGuard(shared.clone())));
    }
}

/// Fetches and lands the result. Ends without an outcome when the last handle is dropped.
async fn run<F: Fetch>(shared: Arc<Shared<F>>, completion: Completion) {
    let mut handles = shared.handles.clone();
    let deadline = Deadline::new(shared.clocks.clone(), completion.deadline, F::WHAT);
    let now = shared.clocks.now();
    let held = shared.valid(&now);
    let need = Need {
        forced: completion.forced,
        held_for: held.map_or(Duration::ZERO, |held| held.left(&now)),
    };
    let result = tokio::select! {
        biased;
        result = shared.fetch.fetch(deadline, need) => result,
        _ = handles.changed() => return,
    };
    land(&shared, completion, result);
}

/// Stores the result, and then tells the waiters.
///
/// The value and the state change under one lock, so that a caller that is admitted next sees both
/// or neither. The waiters are told afterwards, so that each of them finds what the outcome
/// promises. A valid value is replaced only by a newer one, never by an error.
fn land<F: Fetch>(
    shared: &Shared<F>,
    completion: Completion,
    result: Result<Fetched<F::Value>, Error>,
) {
    let now = shared.clocks.now();
    let number = completion.number;
    let result = result.and_then(|fetched| {
        if fetched.lifetime < MIN_LIFETIME {
            return Err(FetchFailure::ExpiredOnArrival.error(F::ISSUED_AT, F::WHAT));
        }
        Ok(fetched)
    });
    let mut state = shared.state();
    let cached = shared.cached.load_full();
    let error = match result {
        // An abandoned fetch can land after the fetch that replaced it.
        Ok(_) if cached.as_ref().is_some_and(|cached| cached.number > number) => None,
        Ok(fetched) => {
            let random = state.random();
            let mut schedule = shared.policy.schedule(fetched.whole_lifetime(), random);
            if let Some(calendar) = shared.fetch.calendar() {
                schedule = calendar.plan(shared.clocks.elapsed(), &fetched, schedule);
            }
            let cached = Cached::new(number, &fetched, now, schedule);
            shared.cached.store(Some(Arc::new(cached)));
            state.succeeded(number);
            None
        }
        Err(error) => {
            let left = cached.map_or(Duration::ZERO, |cached| cached.left(&now));
            state.failed(number, error.clone(), now, left, &shared.policy);
            Some((error, left))
        }
    };
    drop(state);
    match error {
        None => completion.report(Outcome::Published),
        Some((error, left)) => {
            completion.report(Outcome::Failed(error.clone()));
            // Without the lock and last: a subscriber may do anything, and take its time.
            log::<F>(&error, left);
        }
    }
}

/// Logged here because callers keep the old value, or see only the SDK's timeout.
fn log<F: Fetch>(error: &Error, left: Duration) {
    let causes = std::iter::successors(error.source(), |&error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    let (what, causes, seconds_left) = (F::WHAT, causes.join(": "), left.as_secs());
    if left.is_zero() {
        tracing::debug!(%error, hint = error.hint(), causes, "no {what}");
    } else {
        tracing::warn!(
            %error,
            hint = error.hint(),
            causes,
            seconds_left,
            "the {what} could not be refreshed; the cached {what} stay in use and the refresh is retried"
        );
    }
}

/// Lets another task take over when this one ends, even if its runtime shut down before it ran.
struct KeepWarmGuard<F: Fetch>(Arc<Shared<F>>);

impl<F: Fetch> Drop for KeepWarmGuard<F> {
    fn drop(&mut self) {
        self.0.state().end_keep_warm();
    }
}

/// Starts a fetch whenever one is due, until the last handle is dropped.
async fn keep_warm<F: Fetch>(guard: KeepWarmGuard<F>) {
    let shared = &guard.0;
    let mut handles = shared.handles.clone();
    loop {
        let now = shared.clocks.now();
        let cached = shared.cached.load_full();
        let due = cached
            .as_ref()
            .map_or(Duration::ZERO, |cached| cached.until_refresh(&now));
        let wait = due.max(shared.state().backoff_left(&now));
        if wait.is_zero() {
            match admit(shared, &now, cached.map(|cached| cached.number), Join::Any) {
                Ok(Admission::InFlight(in_flight)) => {
                    tokio::select! {
                        biased;
                        // The fetch ends with the last handle as well, and must not be started
                        // again.
                        _ = handles.changed() => return,
                        _ = shared.outcome(in_flight) => {}
                    }
                    if has_rest(shared) {
                        continue;
                    }
                }
                Ok(Admission::Newer(_) | Admission::HeldBack(_)) => {}
                Err(_) => return,
            }
        }
        // A second if it is due, so that a value that is due on arrival does not make a busy loop.
        let pause = if wait.is_zero() { MIN_LIFETIME } else { wait };
        tokio::select! {
            biased;
            () = shared.clocks.sleep(pause.min(LONGEST_SLEEP)) => {}
            _ = handles.changed() => return,
        }
    }
}

/// Whether the next fetch is not due at once.
fn has_rest<F: Fetch>(shared: &Shared<F>) -> bool {
    let now = shared.clocks.now();
    let is_usable = shared
        .valid(&now)
        .is_some_and(|cached| cached.freshness(&now) != Freshness::Mandatory);
    is_usable || !shared.state().backoff_left(&now).is_zero()
}
