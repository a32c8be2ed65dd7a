//! Time, as the refresher takes it.

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep};
use aws_smithy_async::time::SharedTimeSource;
use std::fmt::Debug;
use std::sync::Arc;
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

/// The system's monotonic clock. On Linux it stands still while the machine is suspended.
#[derive(Debug)]
pub(crate) struct SystemMonotonic(Instant);

impl Default for SystemMonotonic {
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the clock that the others are told to use"
    )]
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl MonotonicClock for SystemMonotonic {
    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Both clocks, and the sleep that goes with them.
#[derive(Clone, Debug)]
pub(crate) struct Clocks {
    wall: SharedTimeSource,
    monotonic: Arc<dyn MonotonicClock>,
    sleep: SharedAsyncSleep,
}

/// A moment, by both clocks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) wall: SystemTime,
    monotonic: Nanos,
}

/// Nanoseconds, up to 292 years of them. Every hit computes ages, and in these that is a subtraction.
pub(super) type Nanos = i64;

pub(super) fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

/// The two clocks may drift apart by this much, by adjustment, before one of them has stepped.
const DRIFT: Nanos = 5_000_000_000;

impl Clocks {
    pub(crate) fn new(
        wall: SharedTimeSource,
        monotonic: Arc<dyn MonotonicClock>,
        sleep: SharedAsyncSleep,
    ) -> Self {
        Self {
            wall,
            monotonic,
            sleep,
        }
    }

    pub(super) fn now(&self) -> Moment {
        Moment {
            wall: self.wall.now(),
            monotonic: nanos(self.monotonic.elapsed()),
        }
    }

    pub(super) async fn sleep(&self, duration: Duration) {
        self.sleep.sleep(duration).await;
    }
}

impl Moment {
    /// How long ago it was, what the clock says that says more: the wall clock can be set back, the
    /// monotonic one can stand still. And whether a clock has stepped since.
    pub(super) fn elapsed(&self, now: &Moment) -> (Nanos, bool) {
        let monotonic = now.monotonic.saturating_sub(self.monotonic).max(0);
        let wall = match now.wall.duration_since(self.wall) {
            Ok(on) => nanos(on),
            Err(back) => -nanos(back.duration()),
        };
        (
            monotonic.max(wall),
            monotonic.saturating_sub(wall).saturating_abs() > DRIFT,
        )
    }

    /// How long ago it was.
    pub(super) fn age(&self, now: &Moment) -> Duration {
        Duration::from_nanos(self.elapsed(now).0.unsigned_abs())
    }

    /// The moment that is so long ago by both clocks.
    pub(super) fn before(&self, age: Duration) -> Moment {
        Moment {
            wall: self.wall.checked_sub(age).unwrap_or(self.wall),
            monotonic: self.monotonic.saturating_sub(nanos(age)),
        }
    }
}
