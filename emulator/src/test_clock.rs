//! A clock that a test advances.

use crate::lock::lock;
use aws_google_web_identity::MonotonicClock;
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::oneshot;

/// Wall clock, monotonic clock and sleep in one, which move only when the test says so.
///
/// Give it to the emulator with
/// [`EmulatorBuilder::test_clock`](crate::EmulatorBuilder::test_clock), which also puts it into
/// [`Emulator::sdk_config`](crate::Emulator::sdk_config), and to the provider with
/// `Builder::monotonic_clock` (feature `test-util` of `aws-google-web-identity`). Clones share the
/// time.
///
/// # Example
///
/// An hour passes without real sleeping, and the provider has new credentials:
///
/// ```
/// use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer};
/// use aws_google_web_identity_emulator::{Emulator, TestClock};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = TestClock::new();
/// let emulator = Emulator::builder().test_clock(&clock).start().await?;
/// let provider = GoogleWebIdentityProvider::builder(emulator.role_arn())
///     .audience(emulator.audience())
///     .token_source(MetadataServer::new().endpoint(emulator.metadata_endpoint()))
///     .configure(&emulator.sdk_config())
///     .monotonic_clock(clock.clone())
///     .build()
///     .await?;
/// let first = provider.session().await?;
/// clock.run_for(Duration::from_secs(3600)).await;
/// let (second, _) = clock.run_until(provider.session()).await;
/// assert!(second?.expires_at() > first.expires_at());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct TestClock(Arc<Mutex<Time>>);

#[derive(Debug)]
struct Time {
    wall: SystemTime,
    monotonic: Duration,
    /// When each sleep ends, by the monotonic clock.
    sleeps: Vec<(Duration, oneshot::Sender<()>)>,
}

/// Turns of the runtime after which only time can make progress: enough for the emulator to answer
/// and for a client to read.
const QUIET_TURNS: usize = 1000;

impl TestClock {
    /// A clock that starts at 2027-01-15 08:00:00 UTC.
    pub fn new() -> Self {
        Self::starting_at(UNIX_EPOCH + Duration::from_secs(1_800_000_000))
    }

    /// A clock whose wall clock starts at `start`.
    pub fn starting_at(start: SystemTime) -> Self {
        Self(Arc::new(Mutex::new(Time {
            wall: start,
            monotonic: Duration::ZERO,
            sleeps: Vec::new(),
        })))
    }

    /// The wall clock's time.
    pub fn now(&self) -> SystemTime {
        lock(&self.0).wall
    }

    /// Advances both clocks and ends the sleeps that are due.
    ///
    /// The woken tasks run when the runtime gets its next turn; [`run_for`](Self::run_for) gives it
    /// one.
    pub fn advance(&self, by: Duration) {
        let mut time = lock(&self.0);
        time.wall = time.wall.checked_add(by).unwrap_or(time.wall);
        time.monotonic = time.monotonic.saturating_add(by);
        let now = time.monotonic;
        for (end, sleep) in std::mem::take(&mut time.sleeps) {
            if end <= now {
                let _ = sleep.send(());
            } else if !sleep.is_closed() {
                time.sleeps.push((end, sleep));
            }
        }
    }

    /// Sets the wall clock ahead by `seconds`, or back if negative. The monotonic clock and sleeps
    /// do not notice: someone set the clock, or the machine was suspended.
    pub fn step(&self, seconds: i64) {
        let by = Duration::from_secs(seconds.unsigned_abs());
        let mut time = lock(&self.0);
        let stepped = match seconds {
            0.. => time.wall.checked_add(by),
            _ => time.wall.checked_sub(by),
        };
        time.wall = stepped.unwrap_or(time.wall);
    }

    /// How many sleeps have not ended.
    pub fn sleepers(&self) -> usize {
        let time = lock(&self.0);
        let pending = time.sleeps.iter().filter(|(_, sleep)| !sleep.is_closed());
        pending.count()
    }

    /// The time until the next sleep ends, rounded up to milliseconds. `None` if nothing sleeps.
    pub fn next_wake(&self) -> Option<Duration> {
        let time = lock(&self.0);
        let pending = time.sleeps.iter().filter(|(_, sleep)| !sleep.is_closed());
        let next = pending.map(|(end, _)| *end).min()?;
        let left = next.saturating_sub(time.monotonic).as_nanos();
        let millis = u64::try_from(left.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Some(Duration::from_millis(millis))
    }

    /// Lets `duration` pass: ends each sleep at its time, and lets tasks run in between.
    ///
    /// Needs a current-thread runtime, on which every task has had its turn when time moves on.
    pub async fn run_for(&self, duration: Duration) {
        let mut left = duration;
        loop {
            for _ in 0..QUIET_TURNS {
                tokio::task::yield_now().await;
            }
            let Some(next) = self.next_wake().filter(|next| *next <= left) else {
                break;
            };
            self.advance(next);
            left -= next;
        }
        self.advance(left);
        for _ in 0..QUIET_TURNS {
            tokio::task::yield_now().await;
        }
    }

    /// Runs `future` to its end, and advances to the next end of a sleep whenever only time can
    /// make progress. Returns the output and the simulated time that it took.
    ///
    /// Needs a current-thread runtime, on which every task has had its turn when time moves on.
    /// Never returns if the future waits for neither a task nor a sleep of this clock.
    pub async fn run_until<F: Future>(&self, future: F) -> (F::Output, Duration) {
        let mut future = pin!(future);
        let mut passed = Duration::ZERO;
        loop {
            for _ in 0..QUIET_TURNS {
                let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
                if let Poll::Ready(output) = polled {
                    return (output, passed);
                }
                tokio::task::yield_now().await;
            }
            if let Some(next) = self.next_wake() {
                self.advance(next);
                passed += next;
            }
        }
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl TimeSource for TestClock {
    fn now(&self) -> SystemTime {
        self.now()
    }
}

impl MonotonicClock for TestClock {
    fn elapsed(&self) -> Duration {
        lock(&self.0).monotonic
    }
}

impl AsyncSleep for TestClock {
    fn sleep(&self, duration: Duration) -> Sleep {
        let (sender, end) = oneshot::channel();
        let mut time = lock(&self.0);
        let at = time.monotonic.saturating_add(duration);
        time.sleeps.push((at, sender));
        Sleep::new(async move {
            // Never ends early: the sender is dropped only with the clock.
            if end.await.is_err() {
                std::future::pending().await
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn advancing_moves_both_clocks_and_a_step_only_the_wall_clock() {
        let clock = TestClock::new();
        let start = clock.now();
        clock.advance(5 * SECOND);
        clock.step(60);
        clock.step(-10);
        assert_eq!(clock.now(), start + 55 * SECOND);
        assert_eq!(clock.elapsed(), 5 * SECOND);
        clock.step(i64::MAX);
        clock.advance(Duration::MAX);
        assert!(clock.now() >= start);
    }

    #[tokio::test]
    async fn a_sleep_ends_at_its_time() {
        let clock = TestClock::new();
        let sleep = tokio::spawn(clock.sleep(3 * SECOND));
        clock.run_for(2 * SECOND).await;
        assert!(!sleep.is_finished());
        assert_eq!((clock.sleepers(), clock.next_wake()), (1, Some(SECOND)));
        clock.run_for(SECOND).await;
        assert!(sleep.is_finished());
        assert_eq!((clock.sleepers(), clock.next_wake()), (0, None));
    }

    #[tokio::test]
    async fn a_dropped_sleep_wakes_nobody() {
        let clock = TestClock::new();
        drop(clock.sleep(SECOND));
        assert_eq!((clock.sleepers(), clock.next_wake()), (0, None));
    }

    #[tokio::test]
    async fn time_passes_sleep_by_sleep() {
        let clock = TestClock::new();
        let start = clock.now();
        let ticks = {
            let clock = clock.clone();
            tokio::spawn(async move {
                let mut ticks = Vec::new();
                for _ in 0..3 {
                    clock.sleep(SECOND).await;
                    ticks.push(clock.now());
                }
                ticks
            })
        };
        clock.run_for(10 * SECOND).await;
        assert_eq!(clock.now(), start + 10 * SECOND);
        let each = [start + SECOND, start + 2 * SECOND, start + 3 * SECOND];
        assert_eq!(ticks.await.unwrap(), each);
    }

    #[tokio::test]
    async fn a_future_runs_without_waiting_for_real() {
        let clock = TestClock::new();
        let work = async {
            clock.sleep(3600 * SECOND).await;
            "done"
        };
        assert_eq!(clock.run_until(work).await, ("done", 3600 * SECOND));
    }
}
