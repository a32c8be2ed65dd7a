//! One value that a server gives: a connection, an unwrapped key.
//!
//! A call of the cache is dropped after [`PATIENCE`], which may be too short to get the value. So
//! it is made in a task of its own, and a later call finds it. There is one attempt at a time,
//! however many callers wait for it. An attempt that has taken longer than that keeps no caller
//! waiting.
//!
//! `now` is the time by the monotonic clock.

use super::guarded::PATIENCE;
use crate::error::{Error, ErrorKind, Stage};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How good a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    Fresh,
    /// It serves while its successor is made.
    #[cfg_attr(not(feature = "redis_1"), allow(dead_code))]
    Due,
    /// It serves no more.
    Over,
}

pub(super) struct Slot<T> {
    state: Mutex<State<T>>,
    /// An error is returned again for this long, so that a server that refuses is not asked for
    /// each call.
    retry_after: Duration,
    /// An attempt that takes longer is lost: its runtime may stand still.
    lost_after: Duration,
}

struct State<T> {
    value: Option<T>,
    attempt: Option<Attempt<T>>,
}

#[derive(Clone)]
struct Attempt<T> {
    result: watch::Receiver<Option<Result<T, Error>>>,
    since: Duration,
}

impl<T: Clone + Send + Sync + 'static> Slot<T> {
    pub(super) fn new(retry_after: Duration, lost_after: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                value: None,
                attempt: None,
            }),
            retry_after,
            lost_after,
        }
    }

    /// The value there is, without making one.
    pub(super) fn peek(&self) -> Option<T> {
        let mut state = self.state();
        state.adopt();
        state.value.clone()
    }

    /// Forgets the value if it is the one that `is` recognizes.
    #[cfg_attr(not(feature = "redis_1"), allow(dead_code))]
    pub(super) fn discard(&self, is: impl Fn(&T) -> bool) {
        let mut state = self.state();
        state.adopt();
        if state.value.as_ref().is_some_and(is) {
            state.value = None;
        }
    }

    /// Starts to make a value, unless there is a fresh one or it is being made.
    pub(super) fn prepare<F>(
        &self,
        now: Duration,
        age: impl Fn(&T) -> Age,
        make: impl FnOnce() -> F,
    ) where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let _ = self.start(now, age, make);
    }

    /// The value, made in a task if there is none that serves.
    pub(super) async fn get<F>(
        &self,
        now: Duration,
        age: impl Fn(&T) -> Age,
        make: impl FnOnce() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let attempt = match self.start(now, age, make) {
            Ok(value) => return Ok(value),
            Err(attempt) => attempt,
        };
        let mut result = attempt.result;
        if result.borrow().is_none() && now.saturating_sub(attempt.since) >= PATIENCE {
            return Err(Error::from_message(
                Stage::Cache,
                ErrorKind::Timeout,
                "the server has not answered yet",
            ));
        }
        match result.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(result)) => result.clone(),
            // The task ended without a result: a panic, or the end of its runtime. Or there was no
            // runtime.
            _ => Err(Error::from_message(
                Stage::Cache,
                ErrorKind::Unavailable,
                "the task that asked the server ended early",
            )),
        }
    }

    /// A value that serves, or the attempt to wait for.
    fn start<F>(
        &self,
        now: Duration,
        age: impl Fn(&T) -> Age,
        make: impl FnOnce() -> F,
    ) -> Result<T, Attempt<T>>
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let mut state = self.state();
        state.adopt();
        let held = state
            .value
            .as_ref()
            .map(|value| (value.clone(), age(value)));
        if let Some((value, Age::Fresh)) = held {
            return Ok(value);
        }
        let current = state.attempt.as_ref().filter(|it| self.is_current(it, now));
        let attempt = match current {
            Some(attempt) => attempt.clone(),
            None => {
                let (sender, result) = watch::channel(None);
                let made = make();
                // Outside a runtime the sender is dropped, as when the task's runtime ends.
                if let Ok(runtime) = Handle::try_current() {
                    runtime.spawn(async move {
                        sender.send_replace(Some(made.await));
                    });
                }
                let attempt = Attempt { result, since: now };
                state.attempt = Some(attempt.clone());
                attempt
            }
        };
        match held {
            Some((value, Age::Due)) => Ok(value),
            _ => Err(attempt),
        }
    }

    fn is_current(&self, attempt: &Attempt<T>, now: Duration) -> bool {
        let age = now.saturating_sub(attempt.since);
        let is_over = attempt.result.borrow().is_some();
        match is_over {
            true => age < self.retry_after,
            // A closed channel without a result is that of a task that is gone.
            false => age < self.lost_after && attempt.result.has_changed().is_ok(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> State<T> {
    /// Makes the result of a successful attempt the value.
    fn adopt(&mut self) {
        let made = self.attempt.as_ref().and_then(|attempt| {
            let result = attempt.result.borrow();
            result
                .as_ref()
                .and_then(|result| result.as_ref().ok().cloned())
        });
        if made.is_some() {
            self.value = made;
            self.attempt = None;
        }
    }
}

#[cfg(test)]
mod tests;
