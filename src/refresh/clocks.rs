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
    monotonic: Duration,
}

/// The two clocks may drift apart by this much, by adjustment, before one of them has stepped.
const DRIFT: Duration = Duration::from_secs(5);

/// Added to what the monotonic clock says, so that a moment before the program began can be named.
const LONG_AGO: Duration = Duration::from_secs(1 << 40);

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
            monotonic: LONG_AGO.saturating_add(self.monotonic.elapsed()),
        }
    }

    pub(super) async fn sleep(&self, duration: Duration) {
        self.sleep.sleep(duration).await;
    }
}

impl Moment {
    /// How long ago it was, what the clock says that says more: the wall clock can be set back, the
    /// monotonic one can stand still. And whether a clock has stepped since.
    pub(super) fn elapsed(&self, now: &Moment) -> (Duration, bool) {
        let monotonic = now.monotonic.saturating_sub(self.monotonic);
        match now.wall.duration_since(self.wall) {
            Ok(wall) => (wall.max(monotonic), wall.abs_diff(monotonic) > DRIFT),
            Err(back) => (monotonic, back.duration().saturating_add(monotonic) > DRIFT),
        }
    }

    /// How long ago it was.
    pub(super) fn age(&self, now: &Moment) -> Duration {
        self.elapsed(now).0
    }

    /// The moment that is so long ago by both clocks.
    pub(super) fn before(&self, age: Duration) -> Moment {
        Moment {
            wall: self.wall.checked_sub(age).unwrap_or(self.wall),
            monotonic: self.monotonic.saturating_sub(age),
        }
    }
}
