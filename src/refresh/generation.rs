//! One fetched value and its times.

use super::Perishable;
use super::clocks::{Moment, Nanos, nanos};
use super::policy::{RefreshPolicy, Schedule};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// How much later than the refresh the credentials are said to expire: a cache above that asks 5 s
/// to 10 s before the expiry then asks just after the refresh is due, and not before.
const ADVERTISED_LATER: Duration = Duration::from_secs(15);
/// How long what is held is vouched for while its refresh is under way or failing.
const HOLD: Duration = Duration::from_secs(60);
/// Without either clock saying so, nothing lives longer.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A value is cloned for each hit, and threads that count references to the same one wait for each other's
/// cores: with this many copies few do.
const LANES: usize = 8;

/// A fetched value, how long it lives, and what is said of it. Replaced as a whole, so that no reader
/// sees parts of two.
#[derive(Clone)]
pub(super) struct Generation<V> {
    pub(super) number: u64,
    /// The value, its expiry the advertised one, once for each lane of threads.
    values: [V; LANES],
    advertised: SystemTime,
    arrived: Moment,
    lifetime: Duration,
    schedule: Schedule,
    /// `refresh_after` once more, for the reader in a hurry.
    fresh_for: Nanos,
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
            values: lanes(value, advertised),
            advertised,
            arrived,
            lifetime,
            schedule,
            fresh_for: nanos(schedule.refresh_after),
        }
    }

    /// The value, as the calling thread has it.
    pub(super) fn value(&self) -> &V {
        &self.values[lane()]
    }

    pub(super) fn freshness(&self, now: &Moment) -> Freshness {
        let (age, stepped) = self.arrived.elapsed(now);
        if age < self.fresh_for && !stepped {
            Freshness::Fresh
        } else if age >= nanos(self.lifetime) {
            Freshness::Expired
        } else if stepped {
            Freshness::Stepped
        } else if age >= nanos(self.schedule.must_after) {
            Freshness::Mandatory
        } else {
            Freshness::Advisory
        }
    }

    /// How much time is left.
    pub(super) fn left(&self, now: &Moment) -> Duration {
        self.lifetime.saturating_sub(self.arrived.age(now))
    }

    /// How long until the background refresh is due.
    pub(super) fn until_refresh(&self, now: &Moment) -> Duration {
        self.schedule
            .refresh_after
            .saturating_sub(self.arrived.age(now))
    }

    /// The same value with both clocks set to its age.
    pub(super) fn rebased(&self, now: &Moment) -> Self {
        let age = self.arrived.age(now);
        let after = self
            .lifetime
            .min(self.schedule.refresh_after.saturating_add(ADVERTISED_LATER));
        let arrived = now.before(age);
        let mut rebased = self.advertising(later(now.wall, after.saturating_sub(age)));
        rebased.arrived = arrived;
        rebased
    }

    /// While a refresh is due: whether a cache above would soon ask again because of what was
    /// advertised before, and then what is advertised now. Once per hold, not per hit.
    pub(super) fn held(&self, now: &Moment) -> Option<Self> {
        let soon = self.advertised.duration_since(now.wall).unwrap_or_default() <= ADVERTISED_LATER;
        let left = self.left(now);
        let hold = left.min(HOLD);
        let advertised = later(now.wall, hold);
        (soon && advertised > self.advertised).then(|| self.advertising(advertised))
    }

    fn advertising(&self, advertised: SystemTime) -> Self {
        Self {
            number: self.number,
            values: lanes(self.value(), advertised),
            advertised,
            arrived: self.arrived,
            lifetime: self.lifetime,
            schedule: self.schedule,
            fresh_for: self.fresh_for,
        }
    }
}

fn lanes<V: Perishable>(value: &V, advertised: SystemTime) -> [V; LANES] {
    std::array::from_fn(|_| value.with_expiry(advertised))
}

/// Which lane the calling thread keeps to.
fn lane() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static LANE: Cell<Option<usize>> = const { Cell::new(None) };
    }
    LANE.with(|lane| match lane.get() {
        Some(lane) => lane,
        None => {
            let next = NEXT.fetch_add(1, Ordering::Relaxed) % LANES;
            lane.set(Some(next));
            next
        }
    })
}

fn later(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_add(by).unwrap_or(time)
}
