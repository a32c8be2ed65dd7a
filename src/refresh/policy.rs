//! When to refresh.

use std::time::Duration;

/// When a session is refreshed, and how patiently.
///
/// Every value is clamped to the session's lifetime, never rejected for it. The defaults suit
/// nearly everybody.
#[derive(Clone, Debug, PartialEq)]
pub struct RefreshPolicy {
    window: Option<Duration>,
    mandatory_window: Duration,
    jitter: f64,
    deadline: Duration,
    backoff: (Duration, Duration),
    keep_warm: bool,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            window: None,
            // Time for one exchange at its deadline, twice.
            mandatory_window: Duration::from_secs(30),
            // Enough to spread a fleet that was started in one second over a minute and more.
            jitter: 0.2,
            // An exchange takes well under a second; the SDK itself gives a provider 5 s to 22 s.
            deadline: Duration::from_secs(15),
            // STS and Google recover in seconds or in many minutes; one try a minute harms neither.
            backoff: (Duration::from_secs(1), Duration::from_secs(60)),
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
    /// lifetime. By default 5 min for sessions of up to 20 min, 15 min for up to 90 min, else 60 min:
    /// what STS outages have needed.
    #[must_use]
    pub fn window(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// How long before the expiry callers begin to wait (3 s at most) for the refresh, at most a tenth
    /// of the lifetime and the whole [`window`](Self::window). 30 s by default.
    #[must_use]
    pub fn mandatory_window(mut self, window: Duration) -> Self {
        self.mandatory_window = window;
        self
    }

    /// By how much of the window, at random, the refresh begins earlier, so that programs started
    /// together don't refresh together: 0.0 to 1.0. 0.2 by default.
    #[must_use]
    pub fn jitter(mut self, share: f64) -> Self {
        self.jitter = if share.is_nan() {
            0.0
        } else {
            share.clamp(0.0, 1.0)
        };
        self
    }

    /// How long one exchange, with all its hops and retries, may take: 1 s at least. 15 s by default.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.max(Duration::from_secs(1));
        self
    }

    /// The pauses after failures while credentials are held: from `min`, doubling, up to `max`, each shortened at random by up
    /// to a half, and to a quarter of what the credentials are still good for. 1 s to 60 s by default; less than a second
    /// counts as one. While none are held, an error is handed to whoever asks for a second, a denial for a minute, one of a server
    /// that throttles for such a pause, and that there is no Google identity not at all;
    /// [`refresh`](crate::GoogleWebIdentityProvider::refresh) doesn't wait.
    #[must_use]
    pub fn backoff(mut self, min: Duration, max: Duration) -> Self {
        let min = min.max(Duration::from_secs(1));
        self.backoff = (min, max.max(min));
        self
    }

    /// Whether a task refreshes without being asked, so that a program that is seldom called finds
    /// fresh credentials. It begins with the first exchange and ends with the provider. Off by default;
    /// of no use where the platform stops the CPU between requests.
    #[must_use]
    pub fn keep_warm(mut self, keep: bool) -> Self {
        self.keep_warm = keep;
        self
    }

    pub(super) fn is_keep_warm(&self) -> bool {
        self.keep_warm
    }

    pub(crate) fn flight_deadline(&self) -> Duration {
        self.deadline
    }

    /// The ages at which a generation of this lifetime is refreshed in the background and at which
    /// callers wait. `random` is 0.0 to 1.0.
    pub(super) fn schedule(&self, lifetime: Duration, random: f64) -> Schedule {
        const MINUTE: u64 = 60;
        let window = self.window.unwrap_or_else(|| {
            Duration::from_secs(match lifetime.as_secs() {
                ..=1200 => 5 * MINUTE,
                1201..=5400 => 15 * MINUTE,
                _ => 60 * MINUTE,
            })
        });
        let window = window.min(lifetime / 3);
        let earlier = share(window, self.jitter * random);
        let mandatory = self.mandatory_window.min(lifetime / 10).min(window);
        Schedule {
            refresh_after: lifetime.saturating_sub(window).saturating_sub(earlier),
            must_after: lifetime.saturating_sub(mandatory),
        }
    }

    /// The pause after so many failures in a row. `left` is what remains of the generation held:
    /// three more tries fit into it.
    pub(super) fn pause(&self, failures: u32, left: Duration, random: f64) -> Duration {
        let (min, max) = self.backoff;
        let doubled = min.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)));
        let pause = doubled.min(max);
        // Between half of it and the whole.
        let pause = share(pause, 0.5 + 0.5 * random);
        let pause = if left.is_zero() {
            pause
        } else {
            pause.min(left / 4)
        };
        pause.max(Duration::from_secs(1))
    }
}

/// A part of a duration, for any numbers: all of it where they are none.
fn share(duration: Duration, part: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * part.clamp(0.0, 1.0)).unwrap_or(duration)
}

/// Ages of a generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) refresh_after: Duration,
    pub(super) must_after: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_window_grows_with_the_lifetime_and_is_at_most_a_third_of_it() {
        let policy = RefreshPolicy::default();
        for (lifetime, window) in [
            (60, 20),
            (900, 300),
            (1200, 300),
            (3600, 900),
            (5400, 900),
            (7200, 2400),
            (43_200, 3600),
        ] {
            let schedule = policy.schedule(seconds(lifetime), 0.0);
            assert_eq!(
                schedule.refresh_after,
                seconds(lifetime - window),
                "{lifetime}"
            );
        }
        let earliest = policy.schedule(seconds(3600), 1.0);
        assert_eq!(earliest.refresh_after, seconds(3600 - 900 - 180));
        assert_eq!(earliest.must_after, seconds(3570));
        assert_eq!(policy.schedule(seconds(60), 0.0).must_after, seconds(54));
    }

    #[test]
    fn any_policy_is_clamped_to_any_lifetime() {
        let odd = RefreshPolicy::new()
            .window(Duration::MAX)
            .mandatory_window(Duration::MAX)
            .jitter(f64::INFINITY)
            .deadline(Duration::ZERO)
            .backoff(Duration::MAX, Duration::ZERO);
        assert_eq!(odd.flight_deadline(), seconds(1));
        for lifetime in [
            Duration::ZERO,
            Duration::from_nanos(1),
            seconds(900),
            Duration::MAX,
        ] {
            let Schedule {
                refresh_after,
                must_after,
            } = odd.schedule(lifetime, 1.0);
            assert!(refresh_after <= must_after && must_after <= lifetime);
            let _ = odd.pause(u32::MAX, lifetime, f64::NAN);
        }
        assert_eq!(RefreshPolicy::new().jitter(f64::NAN).jitter, 0.0);
    }

    #[test]
    fn three_attempts_fit_into_a_session_of_900_seconds() {
        let policy = RefreshPolicy::default();
        let (mut left, mut attempts) = (seconds(300), 0);
        while left > seconds(30) {
            attempts += 1;
            left = left.saturating_sub(policy.pause(attempts, left, 1.0));
        }
        assert!(attempts >= 3, "{attempts}");
        assert!(attempts < 40, "{attempts}");
    }
}
