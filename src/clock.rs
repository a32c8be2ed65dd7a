//! Time, as the refresher takes it.

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_async::time::SharedTimeSource;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

/// A clock that never goes backwards.
#[cfg_attr(
    not(feature = "test-util"),
    allow(unreachable_pub, reason = "tests set it")
)]
pub trait MonotonicClock: Debug + Send + Sync {
    /// The time since some fixed moment.
    fn elapsed(&self) -> Duration;
}

impl<T: MonotonicClock + ?Sized> MonotonicClock for Arc<T> {
    fn elapsed(&self) -> Duration {
        (**self).elapsed()
    }
}

/// The monotonic clock in use. The system's, which on Linux stands still while the machine is suspended, is asked without
/// a detour: every hit reads it.
#[derive(Clone, Debug)]
pub(crate) struct Monotonic {
    start: Instant,
    instead: Option<Arc<dyn MonotonicClock>>,
}

static START: OnceLock<Instant> = OnceLock::new();

impl Default for Monotonic {
    fn default() -> Self {
        Self {
            // One for all, so that what contexts share can be compared.
            start: *START.get_or_init(system_now),
            instead: None,
        }
    }
}

impl Monotonic {
    #[cfg_attr(
        not(any(test, feature = "test-util")),
        allow(dead_code, reason = "tests set it")
    )]
    pub(crate) fn instead(clock: Arc<dyn MonotonicClock>) -> Self {
        Self {
            instead: Some(clock),
            ..Self::default()
        }
    }

    #[inline]
    fn now(&self) -> Instant {
        match &self.instead {
            None => system_now(),
            Some(clock) => {
                let now = self.start.checked_add(clock.elapsed());
                now.unwrap_or(self.start)
            }
        }
    }

    /// Since some fixed moment.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now().saturating_duration_since(self.start)
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "this is the clock that the others are told to use"
)]
fn system_now() -> Instant {
    Instant::now()
}

/// Both clocks, and the sleep that goes with them.
#[derive(Clone, Debug)]
pub(crate) struct Clocks {
    wall: SharedTimeSource,
    monotonic: Monotonic,
    sleep: SharedAsyncSleep,
}

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) wall: SystemTime,
    pub(crate) monotonic: Instant,
}

/// The two clocks may drift apart by this much, by adjustment, before one of them has stepped.
pub(crate) const DRIFT: Duration = Duration::from_secs(5);

impl Clocks {
    pub(crate) fn new(
        wall: SharedTimeSource,
        monotonic: Monotonic,
        sleep: SharedAsyncSleep,
    ) -> Self {
        Self {
            wall,
            monotonic,
            sleep,
        }
    }

    #[inline]
    pub(crate) fn now(&self) -> Moment {
        Moment {
            wall: self.wall.now(),
            monotonic: self.monotonic.now(),
        }
    }

    /// The time by the wall clock.
    pub(crate) fn wall(&self) -> SystemTime {
        self.wall.now()
    }

    /// By the monotonic clock, since some fixed moment.
    pub(crate) fn elapsed(&self) -> Duration {
        self.monotonic.elapsed()
    }

    #[cfg(feature = "test-util")]
    pub(crate) fn with_monotonic(mut self, monotonic: Monotonic) -> Self {
        self.monotonic = monotonic;
        self
    }

    pub(crate) async fn sleep(&self, duration: Duration) {
        self.sleep.sleep(duration).await;
    }
}

impl Moment {
    /// How long ago it was, by the clock that says more: the wall clock can be set back, the monotonic one can stand still.
    /// And whether a clock has stepped since.
    pub(crate) fn elapsed(&self, now: &Moment) -> (Duration, bool) {
        let monotonic = now.monotonic.saturating_duration_since(self.monotonic);
        match now.wall.duration_since(self.wall) {
            Ok(wall) => (monotonic.max(wall), monotonic.abs_diff(wall) > DRIFT),
            Err(back) => {
                let apart = monotonic.saturating_add(back.duration());
                (monotonic, apart > DRIFT)
            }
        }
    }

    /// How long ago it was.
    pub(crate) fn age(&self, now: &Moment) -> Duration {
        self.elapsed(now).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_contexts_take_for_the_time_can_be_compared() {
        let first = Monotonic::default();
        while first.elapsed() < Duration::from_millis(1) {}
        let before = first.elapsed();
        assert!(Monotonic::default().elapsed() >= before);
    }
}
