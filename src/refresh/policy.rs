//! When to refresh: what a user can set, and every number that the refresher works with.

#[cfg(test)]
mod tests;

use crate::error::{Error, ErrorKind};
use std::time::Duration;

/// Callers in the mandatory window wait this long at most and then get the old value. The SDK's
/// `IdentityCache::lazy()` gives up after 5 s by default, and the old value is still good.
pub(super) const MANDATORY_PATIENCE: Duration = Duration::from_secs(3);
/// A caller joins or starts this many fetches before it gives up. The last one is on the caller's
/// own runtime, so a caller on a live runtime succeeds however many other runtimes end.
pub(super) const MAX_ATTEMPTS: usize = 4;
/// A waiter that has waited this long asks whether the fetch's runtime still runs tasks.
pub(super) const PROBE_AFTER: Duration = Duration::from_secs(2);
/// A runtime that answers no probe for this long has stalled, and the fetch counts as lost.
/// Together with [`PROBE_AFTER`] it leaves time for another fetch within the 5 s of
/// `IdentityCache::lazy()`.
pub(super) const PROBE_PATIENCE: Duration = Duration::from_secs(1);
/// Grace after the deadline; then waiters treat the fetch as lost. A healthy runtime needs
/// milliseconds to end a fetch at its deadline; a stalled one never does.
pub(super) const GRACE: Duration = Duration::from_secs(5);
/// A value with a shorter lifetime counts as expired on arrival. Otherwise every call would fetch.
pub(super) const MIN_LIFETIME: Duration = Duration::from_secs(1);
/// A longer lifetime is cut, so that no sum of times overflows.
pub(super) const MAX_LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// The keep-warm task looks at the clocks at least this often: a suspended machine or a clock that
/// is set does not wake it.
pub(super) const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The advertised expiry is this much later than the refresh is due. `IdentityCache::lazy()` asks
/// 5 s to 10 s before the expiry, hence just after the refresh is due.
pub(super) const ADVERTISED_AFTER_REFRESH: Duration = Duration::from_secs(15);
/// While a refresh is due or failing, the advertised expiry is this far ahead: a cache above asks
/// again in time to get the new value, and not on every request.
pub(super) const HOLD: Duration = Duration::from_secs(60);
/// The wall clock and the monotonic clock may drift this far apart, as NTP adjusts one of them.
/// When they are further apart, one of them has stepped.
pub(super) const DRIFT: Duration = Duration::from_secs(5);

/// Time for two fetches that end at their deadline.
const MANDATORY_WINDOW: Duration = Duration::from_secs(30);
/// Spreads a fleet that started in the same second over a minute and more.
const JITTER: f64 = 0.2;
/// A fetch takes well under a second. The SDK gives a provider 5 s to 22 s.
const DEADLINE: Duration = Duration::from_secs(15);
/// On GKE, the metadata server can come up 30 s later than the pod.
const YOUNG_POD: Duration = Duration::from_secs(30);
/// A shorter deadline would end healthy fetches.
const MIN_DEADLINE: Duration = Duration::from_secs(1);
/// STS and Google recover within seconds or after many minutes. One attempt a minute harms neither.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A shorter backoff would make a busy loop.
const MIN_BACKOFF: Duration = Duration::from_secs(1);
/// Each backoff is shortened at random by up to this share, so that a fleet does not retry in step.
const BACKOFF_JITTER: f64 = 0.5;
/// A backoff takes at most this part of the remaining lifetime: three more attempts fit into it.
const BACKOFF_PART_OF_LIFETIME: u32 = 4;
/// Long enough for the callers of one moment to share the error, too short to delay a recovery.
const ERROR_CACHED: Duration = Duration::from_secs(1);
/// A denial lasts until somebody changes a policy, and the change takes seconds to spread.
const DENIAL_CACHED: Duration = Duration::from_secs(60);
/// At most this part of a lifetime is spent on refreshing: a short session is used, not only
/// renewed.
pub(super) const WINDOW_PART_OF_LIFETIME: u32 = 3;
/// The same for the window in which callers wait.
const MANDATORY_PART_OF_LIFETIME: u32 = 10;

/// The default refresh window for a lifetime, as the AWS SDKs are going to have it
/// ([aws-sdk-java-v2#7093](https://github.com/aws/aws-sdk-java-v2/pull/7093)). A window longer than a
/// third of the lifetime has no effect: see [`WINDOW_PART_OF_LIFETIME`].
fn default_window(lifetime: Duration) -> Duration {
    const MINUTE: u64 = 60;
    Duration::from_secs(match lifetime.as_secs() {
        ..=1200 => 5 * MINUTE,
        1201..=5400 => 15 * MINUTE,
        _ => 60 * MINUTE,
    })
}

/// When a session is refreshed, and how failures are retried.
///
/// A value that does not fit a session's lifetime is clamped to it; `build` rejects none. The
/// defaults suit nearly every program.
#[derive(Clone, Debug, PartialEq)]
pub struct RefreshPolicy {
    window: Option<Duration>,
    mandatory_window: Duration,
    jitter: f64,
    deadline: Duration,
    first_deadline_extra: Duration,
    backoff: (Duration, Duration),
    errors_cached_at_most: Duration,
    keep_warm: bool,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            window: None,
            mandatory_window: MANDATORY_WINDOW,
            jitter: JITTER,
            deadline: DEADLINE,
            first_deadline_extra: Duration::ZERO,
            backoff: BACKOFF,
            errors_cached_at_most: Duration::MAX,
            keep_warm: false,
        }
    }
}

impl RefreshPolicy {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long before the expiry a refresh begins in the background, at most a third of the
    /// lifetime.
    ///
    /// By default 5 min for sessions of up to 20 min, 15 min for sessions of up to 90 min, and 60
    /// min for longer ones: STS outages have lasted that long.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// How long before the expiry callers wait for the refresh, each for 3 s at most.
    ///
    /// At most a tenth of the lifetime, and at most the whole [`window`](Self::window). 30 s by
    /// default.
    #[must_use]
    pub fn mandatory_window(mut self, window: Duration) -> Self {
        self.mandatory_window = window;
        self
    }

    /// How much earlier the refresh may begin, at random, as a share of the window: 0.0 to 1.0.
    ///
    /// It keeps programs that were started together from refreshing together. 0.2 by default.
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        };
        self
    }

    /// How long one exchange may take, with all its stages and retries: at least 1 s. 15 s by
    /// default.
    ///
    /// In a Kubernetes pod (`KUBERNETES_SERVICE_HOST` is set) the exchanges before the first
    /// success may take 30 s longer: on GKE, the metadata server can come up that much later than
    /// the pod.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.max(MIN_DEADLINE);
        self
    }

    /// The pauses between failed attempts: `min` after the first failure, then twice as long each
    /// time, up to `max`. 1 s to 60 s by default.
    ///
    /// Each pause is shortened at random by up to a half, and to a quarter of the credentials'
    /// remaining lifetime. A `min` of less than 1 s counts as 1 s, and a `max` below `min` counts
    /// as `min`.
    ///
    /// While no valid credentials are held, a caller's own request starts the next attempt, and
    /// errors are cached: 1 s; [`Denied`](crate::ErrorKind::Denied) 60 s, or 1 s when STS blames
    /// the token;
    /// [`Throttled`](crate::ErrorKind::Throttled) one such pause;
    /// [`NotConfigured`](crate::ErrorKind::NotConfigured) never.
    /// [`refresh`](crate::GoogleWebIdentityProvider::refresh) ignores pauses and cached errors.
    #[must_use]
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        let min = min.max(MIN_BACKOFF);
        self.backoff = (min, max.max(min));
        self
    }

    /// Whether a background task refreshes without being asked. Off by default.
    ///
    /// With it, a program that seldom makes requests finds fresh credentials. The task begins with
    /// the first exchange and ends when the provider is dropped. It is of no use on a platform that
    /// stops the CPU between requests.
    #[must_use]
    pub fn keep_warm(mut self, keep: bool) -> Self {
        self.keep_warm = keep;
        self
    }

    /// Gives fetches more time until the first one has succeeded, in a pod of Kubernetes.
    pub(crate) fn in_pod(mut self, is_pod: bool) -> Self {
        self.first_deadline_extra = if is_pod { YOUNG_POD } else { Duration::ZERO };
        self
    }

    /// Caches errors for at most 1 s. For a refresher that feeds another one, which caches the
    /// error under its own policy.
    pub(crate) fn cache_errors_briefly(mut self) -> Self {
        self.errors_cached_at_most = ERROR_CACHED;
        self
    }

    pub(super) fn is_keep_warm(&self) -> bool {
        self.keep_warm
    }

    /// The deadline of a fetch after the first success.
    pub(crate) fn fetch_deadline(&self) -> Duration {
        self.deadline
    }

    /// The deadline of a fetch before the first success.
    pub(super) fn first_deadline(&self) -> Duration {
        self.deadline.saturating_add(self.first_deadline_extra)
    }

    /// At which age a value of this lifetime is refreshed, and at which age callers wait. `random`
    /// is 0.0 to 1.0.
    pub(super) fn schedule(&self, lifetime: Duration, random: f64) -> Schedule {
        let window = self.window.unwrap_or_else(|| default_window(lifetime));
        let window = window.min(lifetime / WINDOW_PART_OF_LIFETIME);
        let earlier = share(window, self.jitter * random);
        let mandatory = self
            .mandatory_window
            .min(lifetime / MANDATORY_PART_OF_LIFETIME)
            .min(window);
        Schedule {
            refresh_after: lifetime.saturating_sub(window).saturating_sub(earlier),
            wait_after: lifetime.saturating_sub(mandatory),
        }
    }

    /// Whether the refresh of a value of this lifetime and age may be due, for the process that
    /// refreshes first.
    pub(crate) fn may_be_due(&self, lifetime: Duration, age: Duration) -> bool {
        age >= self.schedule(lifetime, 1.0).refresh_after
    }

    /// The pause after this many failures in a row. `left` is the remaining lifetime of the cached
    /// value, zero if there is none. `random` is 0.0 to 1.0.
    pub(super) fn backoff_after(&self, failures: u32, left: Duration, random: f64) -> Duration {
        let (min, max) = self.backoff;
        // 2^16 s is longer than any sensible maximum, and does not overflow.
        let doubled = min.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)));
        let pause = share(doubled.min(max), 1.0 - BACKOFF_JITTER * (1.0 - random));
        let pause = if left.is_zero() {
            pause
        } else {
            pause.min(left / BACKOFF_PART_OF_LIFETIME)
        };
        pause.max(MIN_BACKOFF)
    }

    /// The pause that the server asked for, capped at half of `left`, the cached value's remaining
    /// lifetime, so that another attempt fits in before callers get errors.
    pub(super) fn asked_for(&self, error: &Error, left: Duration) -> Duration {
        let pause = error.retry_after().unwrap_or_default();
        match left.is_zero() {
            true => pause,
            false => pause.min(left / 2),
        }
    }

    /// How long callers get this error before the next attempt, while no valid value is held.
    /// `backoff` is the pause after this failure.
    pub(super) fn error_cached_for(&self, error: &Error, backoff: Duration) -> Duration {
        let cached_for = match error.kind() {
            // No server was contacted, so there is none to protect.
            ErrorKind::NotConfigured => Duration::ZERO,
            // The next token may be a good one.
            ErrorKind::Denied if error.blames_token() => ERROR_CACHED,
            ErrorKind::Denied => DENIAL_CACHED,
            ErrorKind::Throttled => backoff,
            _ => ERROR_CACHED,
        };
        let asked_for = error.retry_after().unwrap_or_default();
        cached_for.max(asked_for).min(self.errors_cached_at_most)
    }
}

/// A part of a duration, for any number: the whole duration if the part is not a number.
fn share(duration: Duration, part: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * part.clamp(0.0, 1.0)).unwrap_or(duration)
}

/// Ages of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    /// From this age on it is refreshed in the background.
    pub(super) refresh_after: Duration,
    /// From this age on callers wait for the refresh.
    pub(super) wait_after: Duration,
}
