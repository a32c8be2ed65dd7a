//! The clocks: wall and monotonic, read together, and the sleep that belongs to them.

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_async::time::SharedTimeSource;
use std::fmt::Debug;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

/// A clock that never goes backwards.
#[cfg_attr(
    not(feature = "test-util"),
    allow(unreachable_pub, reason = "only tests set it")
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

/// The monotonic clock in use: the system's, or a test's.
///
/// Each read of cached credentials reads it, so the system's is called directly and not behind a
/// `dyn`. On Linux it stands still while the machine is suspended.
#[derive(Clone, Debug)]
pub(crate) struct Monotonic {
    start: Instant,
    instead: Option<Arc<dyn MonotonicClock>>,
}

static START: OnceLock<Instant> = OnceLock::new();

impl Default for Monotonic {
    fn default() -> Self {
        Self {
            // One for the process: contexts may compare their times.
            start: *START.get_or_init(system_now),
            instead: None,
        }
    }
}

impl Monotonic {
    #[cfg_attr(
        not(any(test, feature = "test-util")),
        allow(dead_code, reason = "only tests set it")
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

    /// The time since some fixed moment.
    pub(crate) fn elapsed(&self) -> Duration {
        self.now().saturating_duration_since(self.start)
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "this is the clock that the rest of the crate must use"
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

/// One moment, read on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) wall: SystemTime,
    pub(crate) monotonic: Instant,
}

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

    /// The time since some fixed moment, by the monotonic clock.
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

/// The time between two moments, as the two clocks have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Elapsed {
    /// By the clock that has advanced further.
    pub(crate) longer: Duration,
    /// How far the two clocks have moved apart. More than a few seconds: one of them has stepped.
    pub(crate) apart: Duration,
}

impl Moment {
    /// The time from this moment to `now`.
    ///
    /// Each clock can fall behind, and neither runs ahead by itself: the wall clock can be set
    /// back, and the monotonic clock stands still while the machine is suspended. So the clock that
    /// has advanced further is taken. If the wall clock is set ahead, that overstates the time,
    /// which costs a fetch; understating it would hand out an expired value.
    #[inline]
    pub(crate) fn elapsed(&self, now: &Moment) -> Elapsed {
        // It never runs backwards, but two threads may read it in another order than they use it.
        let monotonic = now.monotonic.saturating_duration_since(self.monotonic);
        match now.wall.duration_since(self.wall) {
            Ok(wall) => Elapsed {
                longer: monotonic.max(wall),
                apart: monotonic.abs_diff(wall),
            },
            Err(set_back) => Elapsed {
                longer: monotonic,
                apart: monotonic.saturating_add(set_back.duration()),
            },
        }
    }

    /// How long ago this moment was.
    pub(crate) fn age(&self, now: &Moment) -> Duration {
        self.elapsed(now).longer
    }
}

#[cfg(test)]
mod tests;
