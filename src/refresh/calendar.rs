//! When the values of many refreshers are refreshed: no second has many more refreshes than others.

#[cfg(test)]
mod tests;

use super::fetch::Fetched;
use super::policy::{Schedule, WINDOW_PART_OF_LIFETIME};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// No session is longer than 12 h. A refresh further away than this is left where it is.
const HORIZON: u64 = 24 * 3600;
/// A refresh begins in the middle of its second, so that a timer that is late leaves it there.
const MIDDLE: Duration = Duration::from_millis(500);

/// The refreshes that are planned, by seconds of the monotonic clock.
///
/// Values that were fetched together would be refreshed together. The jitter of the policy alone
/// spreads a thousand of them over three minutes, which is six a second, and at random, so that
/// some seconds have twice as many.
#[derive(Default)]
pub(crate) struct Calendar(Mutex<Planned>);

#[derive(Default)]
struct Planned {
    /// The second that the first number stands for.
    first: u64,
    /// How many refreshes each second has.
    refreshes: VecDeque<u32>,
}

impl Calendar {
    /// The schedule with its refresh moved to the second with the fewest refreshes: the planned one
    /// or an earlier one, and of several the latest. An earlier refresh costs an exchange now and
    /// then, a later one would leave less time in an outage. Never in the first third of the
    /// lifetime.
    pub(super) fn plan<V>(
        &self,
        now: Duration,
        fetched: &Fetched<V>,
        schedule: Schedule,
    ) -> Schedule {
        let earliest_age = fetched.whole_lifetime() / WINDOW_PART_OF_LIFETIME;
        // Times from now on: what the cache brought has an age already.
        let latest = now.saturating_add(schedule.refresh_after.saturating_sub(fetched.age));
        let earliest = now.saturating_add(earliest_age.saturating_sub(fetched.age));
        let mut planned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        planned.forget_before(now.as_secs());
        // Whole seconds whose middle is in the range.
        let first = earliest.saturating_add(MIDDLE).as_secs();
        let Some(last) = latest.checked_sub(MIDDLE).map(|last| last.as_secs()) else {
            return schedule;
        };
        if first > last || last - now.as_secs() > HORIZON {
            return schedule;
        }
        let second = planned.emptiest(first, last);
        planned.add(second);
        let begins = Duration::from_secs(second).saturating_add(MIDDLE);
        Schedule {
            refresh_after: begins.saturating_sub(now).saturating_add(fetched.age),
            ..schedule
        }
    }
}

impl Planned {
    fn forget_before(&mut self, second: u64) {
        while self.first < second && self.refreshes.pop_front().is_some() {
            self.first += 1;
        }
        if self.refreshes.is_empty() {
            self.first = second;
        }
    }

    /// The latest of the seconds with the fewest refreshes.
    fn emptiest(&self, first: u64, last: u64) -> u64 {
        let mut best = (u32::MAX, last);
        for second in (first..=last).rev() {
            let refreshes = self.of(second);
            if refreshes < best.0 {
                best = (refreshes, second);
            }
            if refreshes == 0 {
                break;
            }
        }
        best.1
    }

    fn index(&self, second: u64) -> Option<usize> {
        usize::try_from(second.checked_sub(self.first)?).ok()
    }

    fn of(&self, second: u64) -> u32 {
        let refreshes = self
            .index(second)
            .and_then(|index| self.refreshes.get(index));
        refreshes.copied().unwrap_or_default()
    }

    fn add(&mut self, second: u64) {
        let Some(index) = self.index(second) else {
            return;
        };
        if index >= self.refreshes.len() {
            self.refreshes.resize(index + 1, 0);
        }
        if let Some(refreshes) = self.refreshes.get_mut(index) {
            *refreshes = refreshes.saturating_add(1);
        }
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calendar").finish_non_exhaustive()
    }
}
