//! The rate of calls: a token bucket whose rate rises additively and falls multiplicatively.

use std::time::Duration;

/// Calls that may go at once after a pause, so that a service with a few roles never waits.
const BURST: f64 = 20.0;
/// Calls a second in the beginning. AWS publishes no limit for AssumeRoleWithWebIdentity; the
/// quota for calls with credentials is 600 a second. A twentieth of that is safe to start with, and
/// the rate soon rises.
const START: f64 = 30.0;
/// Rise for each success until STS throttles for the first time, in calls a second. The rate
/// doubles each second: it passes 100 a second after 1.7 s. Twice as steep, it would be so far
/// above the limit when the first refusal arrives that more than 5 % of a thousand calls are
/// throttled.
const RISE_AT_FIRST: f64 = 0.7;
/// The part of the rate that is left after the first throttled call. The rate has doubled in the
/// last second, so half of it was fine a second ago.
const FIRST_FALL: f64 = 0.5;
/// Rise in a second after that, in calls a second. From 70 % of a limit of 100 a second, the rate
/// is back there after 3 s. The calls above the limit that one such round tries are few.
const RISE: f64 = 10.0;
/// The part of the rate that is left after a later throttled call, as in the SDK's adaptive
/// retries.
const FALL: f64 = 0.7;
/// Lowest rate: STS recovers, and something must notice.
const MIN: f64 = 1.0;
/// Highest rate. Each call makes a TLS connection, so more would keep a core busy.
const MAX: f64 = 1000.0;
/// Callers look at the queue at least this often, because others ahead of them may have left it.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// Timers have this resolution.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// All times are by the monotonic clock.
pub(super) struct Rate {
    per_second: f64,
    tokens: f64,
    counted_at: Duration,
    decreases: u64,
    paused_until: Duration,
}

impl Rate {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            per_second: START,
            tokens: BURST,
            counted_at: now,
            decreases: 0,
            paused_until: Duration::ZERO,
        }
    }

    pub(super) fn per_second(&self) -> f64 {
        self.per_second
    }

    /// How often the rate has fallen.
    pub(super) fn decreases(&self) -> u64 {
        self.decreases
    }

    /// Zero if a caller with this many callers ahead may go; otherwise how long until it should
    /// look again.
    ///
    /// The rate may rise meanwhile, by less than the factor e a second. In t seconds it yields at
    /// most `rate * (e^t - 1)` tokens, so no caller whose turn is further away is needed before
    /// `ln(1 + missing / rate)`. For the first in the queue that is exact, and one far back wakes
    /// seldom.
    pub(super) fn wait(&mut self, now: Duration, ahead: usize) -> Duration {
        self.refill(now);
        if let Some(pause) = self.paused_until.checked_sub(now)
            && !pause.is_zero()
        {
            return pause.min(LONGEST_WAIT);
        }
        let missing = ahead as f64 + 1.0 - self.tokens;
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        let wait = (missing / self.per_second).ln_1p();
        Duration::try_from_secs_f64(wait)
            .unwrap_or(LONGEST_WAIT)
            .clamp(SHORTEST_WAIT, LONGEST_WAIT)
    }

    /// Uses a token, after [`wait`](Self::wait) returned zero.
    pub(super) fn take(&mut self) {
        self.tokens -= 1.0;
    }

    /// A call that waited for its turn succeeded.
    pub(super) fn rise(&mut self) {
        let rise = match self.decreases {
            0 => RISE_AT_FIRST,
            // There are as many successes in a second as the rate says.
            _ => RISE / self.per_second,
        };
        self.per_second = (self.per_second + rise).min(MAX);
    }

    /// STS throttled a call that began when the rate had fallen `decreases` times.
    ///
    /// A call that began before the last fall says nothing about the present rate. Otherwise the
    /// calls in flight would make the rate fall many times for the same reason. A call that did not
    /// wait was part of a burst: the burst was too large for STS, which says as little.
    pub(super) fn fall(
        &mut self,
        now: Duration,
        has_waited: bool,
        decreases: u64,
        pause: Duration,
    ) {
        self.refill(now);
        self.paused_until = self.paused_until.max(now.saturating_add(pause));
        let is_current = decreases == self.decreases;
        if is_current {
            // What was saved up would go out at once.
            self.tokens = self.tokens.min(0.0);
        }
        if is_current && has_waited {
            let part = if self.decreases == 0 {
                FIRST_FALL
            } else {
                FALL
            };
            self.decreases += 1;
            self.per_second = (self.per_second * part).max(MIN);
        }
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.counted_at);
        self.counted_at = self.counted_at.max(now);
        self.tokens = (self.tokens + passed.as_secs_f64() * self.per_second).min(BURST);
    }
}
