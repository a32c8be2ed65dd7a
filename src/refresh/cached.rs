//! The cached value and its times.

use super::fetch::{Expiring, Fetched};
use super::policy::{ADVERTISED_AFTER_REFRESH, DRIFT, HOLD, MAX_LIFETIME, Schedule};
use crate::clock::Moment;
use std::time::{Duration, SystemTime};

/// A fetched value with its schedule and its advertised expiry. It is replaced as a whole, so that
/// no reader sees parts of two.
pub(super) struct Cached<V> {
    /// The number of the fetch that brought it.
    pub(super) number: u64,
    /// Carries the advertised expiry.
    pub(super) value: V,
    advertised: SystemTime,
    /// When it arrived, or when a clock was last seen to have stepped.
    counted_from: Moment,
    /// Its age at that moment.
    age_then: Duration,
    lifetime: Duration,
    schedule: Schedule,
}

/// What a reader may do with a cached value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    /// A clock has stepped: the age must be counted anew, and the advertised expiry with it.
    ClockStepped,
    /// Use it and refresh it in the background.
    Advisory,
    /// Refresh it and wait a little.
    Mandatory,
    Expired,
}

impl<V: Expiring> Cached<V> {
    pub(super) fn new(
        number: u64,
        fetched: &Fetched<V>,
        arrived: Moment,
        schedule: Schedule,
    ) -> Self {
        let age = fetched.age.min(MAX_LIFETIME);
        let lifetime = fetched.whole_lifetime();
        let advertised_after = if age.is_zero() || age < schedule.refresh_after {
            advertised_age(lifetime, &schedule).saturating_sub(age)
        } else {
            // Its refresh is due on arrival.
            HOLD.min(fetched.lifetime)
        };
        let advertised = later(arrived.wall, advertised_after);
        Self {
            number,
            value: fetched.value.with_expiry(advertised, None),
            advertised,
            counted_from: arrived,
            age_then: age,
            lifetime,
            schedule,
        }
    }

    /// The read path asks only this.
    #[inline]
    pub(super) fn is_fresh(&self, now: &Moment) -> bool {
        self.freshness(now) == Freshness::Fresh
    }

    /// A lifetime is a duration, counted by whichever clock has advanced further. A value is
    /// expired when either clock says so; that holds even when the other one has stepped, so it is
    /// tested first. Only a value that is still valid is worth counting anew.
    #[inline]
    pub(super) fn freshness(&self, now: &Moment) -> Freshness {
        let elapsed = self.counted_from.elapsed(now);
        let age = elapsed.longer.saturating_add(self.age_then);
        let has_stepped = elapsed.apart > DRIFT;
        if age < self.schedule.refresh_after && !has_stepped {
            Freshness::Fresh
        } else if age >= self.lifetime {
            Freshness::Expired
        } else if has_stepped {
            Freshness::ClockStepped
        } else if age >= self.schedule.wait_after {
            Freshness::Mandatory
        } else {
            Freshness::Advisory
        }
    }

    fn age(&self, now: &Moment) -> Duration {
        let elapsed = self.counted_from.elapsed(now);
        elapsed.longer.saturating_add(self.age_then)
    }

    /// The remaining lifetime.
    pub(super) fn left(&self, now: &Moment) -> Duration {
        self.lifetime.saturating_sub(self.age(now))
    }

    /// How long until the background refresh is due.
    pub(super) fn until_refresh(&self, now: &Moment) -> Duration {
        self.schedule.refresh_after.saturating_sub(self.age(now))
    }

    /// The same value after a clock has stepped: its age so far is kept, and from now on it is
    /// counted by both clocks as they are. Without this, a wall clock that was set back would leave
    /// an advertised expiry hours too late, and one set ahead would look like a step at every read.
    pub(super) fn counted_anew(&self, now: &Moment) -> Self {
        let age = self.age(now);
        let advertised_after = advertised_age(self.lifetime, &self.schedule).saturating_sub(age);
        let real = later(now.wall, self.lifetime.saturating_sub(age));
        Self {
            counted_from: *now,
            age_then: age,
            ..self.advertising(later(now.wall, advertised_after), Some(real))
        }
    }

    /// The same value with a later advertised expiry, while a refresh is due or failing.
    ///
    /// `None` unless a cache above is about to ask again, so that the value is replaced once per
    /// [`HOLD`] and not at every read. Never later than the real expiry.
    pub(super) fn held_longer(&self, now: &Moment) -> Option<Self> {
        let ahead = self.advertised.duration_since(now.wall).unwrap_or_default();
        let advertised = later(now.wall, self.left(now).min(HOLD));
        (ahead <= ADVERTISED_AFTER_REFRESH && advertised > self.advertised)
            .then(|| self.advertising(advertised, None))
    }

    fn advertising(&self, advertised: SystemTime, real: Option<SystemTime>) -> Self {
        Self {
            value: self.value.with_expiry(advertised, real),
            advertised,
            ..*self
        }
    }
}

/// The age at which a value is said to expire: just after its refresh is due, so that a cache above
/// does not keep it for longer, and never after its lifetime.
fn advertised_age(lifetime: Duration, schedule: &Schedule) -> Duration {
    let after_refresh = schedule
        .refresh_after
        .saturating_add(ADVERTISED_AFTER_REFRESH);
    lifetime.min(after_refresh)
}

fn later(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_add(by).unwrap_or(time)
}
