//! One fetched value and its times.

mod thread;

use super::Perishable;
use super::policy::{RefreshPolicy, Schedule};
use crate::clock::Moment;
use std::time::{Duration, SystemTime};
pub(super) use thread::Place;
use thread::{Glance, LANES, Name, lane};

/// How much later than the refresh the credentials are said to expire: a cache above that asks 5 s
/// to 10 s before the expiry then asks just after the refresh is due, and not before.
const ADVERTISED_LATER: Duration = Duration::from_secs(15);
/// How long what is held is vouched for while its refresh is under way or failing.
const HOLD: Duration = Duration::from_secs(60);
/// Without either clock saying so, nothing lives longer.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A fetched value, how long it lives, and what is said of it. Replaced as a whole, so that no reader
/// sees parts of two.
#[derive(Clone)]
pub(super) struct Generation<V> {
    pub(super) number: u64,
    name: Name,
    /// The value, its expiry the advertised one, once for each lane of threads.
    values: [V; LANES],
    advertised: SystemTime,
    /// When it arrived, or when a clock was last seen to have stepped.
    since: Moment,
    /// How old it was then.
    older_by: Duration,
    lifetime: Duration,
    schedule: Schedule,
}

/// What a reader of a generation does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    /// A clock has stepped: what is advertised is to be made anew.
    Stepped,
    /// To be refreshed in the background.
    Advisory,
    /// To be refreshed while the caller waits a little.
    Mandatory,
    Expired,
}

impl<V: Perishable> Generation<V> {
    pub(super) fn new(
        place: Place,
        number: u64,
        value: &V,
        lifetime: Duration,
        arrived: Moment,
        policy: &RefreshPolicy,
        random: f64,
    ) -> Self {
        let lifetime = lifetime.min(FOREVER);
        let schedule = policy.schedule(lifetime, random);
        let after = lifetime.min(schedule.refresh_after.saturating_add(ADVERTISED_LATER));
        let advertised = later(arrived.wall, after);
        Self {
            number,
            name: Name::new(place),
            values: lanes(value, advertised, None),
            advertised,
            since: arrived,
            older_by: Duration::ZERO,
            lifetime,
            schedule,
        }
    }

    /// The value, as the calling thread has it.
    #[inline]
    pub(super) fn value(&self) -> &V {
        &self.values[lane()]
    }

    /// Whether the calling thread saw a moment ago that it is fresh, and nothing has changed since.
    #[inline]
    pub(super) fn saw_fresh(&self, now: &Moment) -> bool {
        thread::saw_fresh(self.name, now)
    }

    pub(super) fn freshness(&self, now: &Moment) -> Freshness {
        let (elapsed, stepped) = self.since.elapsed(now);
        let age = elapsed.saturating_add(self.older_by);
        let fresh_for = self.schedule.refresh_after.saturating_sub(age);
        if !fresh_for.is_zero() && !stepped {
            thread::note_fresh(Glance::at(self.name, now, fresh_for));
            Freshness::Fresh
        } else if age >= self.lifetime {
            Freshness::Expired
        } else if stepped {
            Freshness::Stepped
        } else if age >= self.schedule.must_after {
            Freshness::Mandatory
        } else {
            Freshness::Advisory
        }
    }

    fn age(&self, now: &Moment) -> Duration {
        self.since.age(now).saturating_add(self.older_by)
    }

    /// How much time is left.
    pub(super) fn left(&self, now: &Moment) -> Duration {
        self.lifetime.saturating_sub(self.age(now))
    }

    /// How long until the background refresh is due.
    pub(super) fn until_refresh(&self, now: &Moment) -> Duration {
        self.schedule.refresh_after.saturating_sub(self.age(now))
    }

    /// The same value, its age counted on from now by both clocks as they are.
    pub(super) fn rebased(&self, now: &Moment) -> Self {
        let age = self.age(now);
        let after = self
            .lifetime
            .min(self.schedule.refresh_after.saturating_add(ADVERTISED_LATER));
        let advertised = later(now.wall, after.saturating_sub(age));
        let real = later(now.wall, self.lifetime.saturating_sub(age));
        Self {
            since: *now,
            older_by: age,
            ..self.advertising(advertised, Some(real))
        }
    }

    /// While a refresh is due: whether a cache above would soon ask again because of what was
    /// advertised before, and then what is advertised now. Once per hold, not per hit.
    pub(super) fn held(&self, now: &Moment) -> Option<Self> {
        let soon = self.advertised.duration_since(now.wall).unwrap_or_default() <= ADVERTISED_LATER;
        let left = self.left(now);
        let hold = left.min(HOLD);
        let advertised = later(now.wall, hold);
        (soon && advertised > self.advertised).then(|| self.advertising(advertised, None))
    }

    fn advertising(&self, advertised: SystemTime, real: Option<SystemTime>) -> Self {
        Self {
            number: self.number,
            name: self.name.anew(),
            values: lanes(self.value(), advertised, real),
            advertised,
            since: self.since,
            older_by: self.older_by,
            lifetime: self.lifetime,
            schedule: self.schedule,
        }
    }
}

fn lanes<V: Perishable>(value: &V, advertised: SystemTime, real: Option<SystemTime>) -> [V; LANES] {
    std::array::from_fn(|_| value.with_expiry(advertised, real))
}

fn later(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_add(by).unwrap_or(time)
}
