//! Paces the calls for many roles, so that STS throttles few of them.
//!
//! The calls share a token bucket. Its rate adapts as TCP's window does: it rises with each call
//! that waited for its turn and succeeded, and falls when STS throttles. Calls go in the order in
//! which they asked.
//!
//! There is no background task and no hand-over from one caller to the next, since the next one may
//! sit on a runtime that stands still. Each caller knows its rank in the queue, sleeps, and looks
//! again.

mod queue;
mod rate;
#[cfg(test)]
mod tests;

use crate::clock::Clocks;
use crate::error::{Error, ErrorKind, Stage};
use crate::refresh::Deadline;
use queue::Queue;
use rate::Rate;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A call takes some 100 ms. With less time left than this, the deadline would cut it off, and STS
/// would have counted it for nothing.
const TIME_FOR_A_CALL: Duration = Duration::from_millis(500);
/// Before its third call, an exchange that STS has throttled twice also waits for itself, and
/// twice as long before each further one. Otherwise one role that is always throttled, because its
/// account's limit is used up, would lower the rate of all roles many times a second.
const BACKOFF: Duration = Duration::from_millis(500);

/// The queue and the rate of one STS client.
pub(crate) struct Pace {
    clocks: Clocks,
    /// Never held across an await.
    state: Mutex<State>,
}

struct State {
    rate: Rate,
    queue: Queue,
}

/// The permission to make one call.
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    /// How often the rate had fallen when the call began.
    decreases: u64,
    /// Whether the pace held the call back.
    has_waited: bool,
}

impl Pace {
    pub(crate) fn new(clocks: Clocks) -> Self {
        let now = clocks.elapsed();
        Self {
            clocks,
            state: Mutex::new(State {
                rate: Rate::new(now),
                queue: Queue::default(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn. `throttled` is how often STS has throttled this exchange.
    ///
    /// # Errors
    /// When there is no turn before the deadline.
    pub(super) async fn turn(
        &self,
        deadline: &Deadline,
        throttled: u32,
    ) -> Result<Turn<'_>, Error> {
        if throttled > 1 {
            let backoff = BACKOFF.saturating_mul(2u32.saturating_pow((throttled - 2).min(8)));
            self.wait(deadline, backoff).await?;
        }
        let ends_at = self.clocks.elapsed().saturating_add(deadline.left());
        let place = Place {
            pace: self,
            number: self.state().queue.join(ends_at),
        };
        let mut has_waited = false;
        loop {
            let wait = {
                let now = self.clocks.elapsed();
                let state = &mut *self.state();
                let rank = state.queue.rank(place.number, now);
                let wait = state.rate.wait(now, rank);
                if wait.is_zero() {
                    state.rate.take();
                    return Ok(Turn {
                        pace: self,
                        decreases: state.rate.decreases(),
                        has_waited,
                    });
                }
                wait
            };
            has_waited = true;
            self.wait(deadline, wait).await?;
        }
    }

    /// Sleeps, unless too little time would be left for a call.
    async fn wait(&self, deadline: &Deadline, wait: Duration) -> Result<(), Error> {
        let left = deadline.left().saturating_sub(TIME_FOR_A_CALL);
        self.clocks.sleep(wait.min(left)).await;
        if wait < left {
            Ok(())
        } else {
            Err(self.no_turn())
        }
    }

    fn no_turn(&self) -> Error {
        let state = self.state();
        let message = format!(
            "no turn before the deadline: {} exchanges wait, at {:.0} calls a second",
            state.queue.len(),
            state.rate.per_second(),
        );
        Error::from_message(Stage::Sts, ErrorKind::Timeout, message).with_hint(
            "the roles share one rate, which adapts to what STS throttles; ask for fewer roles at \
             once, or allow more time with RefreshPolicy::deadline",
        )
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Pace")
            .field("per_second", &state.rate.per_second())
            .field("waiting", &state.queue.len())
            .finish()
    }
}

impl Turn<'_> {
    /// STS answered the call.
    pub(super) fn answered(self) {
        if self.has_waited {
            self.pace.state().rate.rise();
        }
    }

    /// STS throttled the call, and asked for this pause.
    pub(super) fn throttled(self, pause: Option<Duration>) {
        let now = self.pace.clocks.elapsed();
        let pause = pause.unwrap_or_default();
        let mut state = self.pace.state();
        state.rate.fall(now, self.has_waited, self.decreases, pause);
    }
}

/// A place in the queue, left when it is dropped: after the turn, or when the caller is cancelled.
struct Place<'a> {
    pace: &'a Pace,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pace.state().queue.leave(self.number);
    }
}
