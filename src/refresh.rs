//! The refresher: a cache of one value that expires, refreshed before it does, by one exchange at a
//! time. It knows nothing of Google or AWS.
//!
//! A read is one atomic load while the value is fresh. In the advisory window it starts a flight and
//! returns what is held; in the mandatory window it waits for the flight a little; only when nothing
//! valid is held does it wait to the end, or until the flight is overdue. A flight is a task of its own:
//! no caller that goes away takes it along. It publishes before it says that it is done.

mod desk;
mod fetch;
mod flight;
mod generation;
#[cfg(test)]
mod interleavings;
mod policy;
mod shared;

pub(crate) use fetch::{Fetch, FetchFuture, Fetched, HoldOff, Lost, Perishable};
pub use policy::RefreshPolicy;

use crate::clock::{Clocks, Moment};
use desk::{Desk, Seat};
use flight::{Ended, Flight, Warmth};
use generation::{Freshness, Generation, Place};
use shared::{ArcSwapOption, Loaded, Mutex, MutexGuard, Runtime};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// A caller in the mandatory window waits at most this long: the SDK's own patience can be as short as
/// 6 s, and what is held is still good.
const MANDATORY_PATIENCE: Duration = Duration::from_secs(3);
/// A caller whose flight was lost, with its runtime or because that stands still, starts over this often.
const ELECTIONS: usize = 4;

/// Caches what it fetches. Cheap to clone; the clones share the value.
pub(crate) struct Refresher<F: Fetch> {
    core: Arc<Core<F>>,
    /// Gone with the last clone: a task holds `core` only.
    _handle: Arc<Handle>,
}

impl<F: Fetch> Clone for Refresher<F> {
    fn clone(&self) -> Self {
        Self {
            core: self.core.clone(),
            _handle: self._handle.clone(),
        }
    }
}

/// Tells the tasks when the last clone is dropped.
struct Handle {
    /// The tasks' receivers see it go.
    _gone: watch::Sender<()>,
}

struct Core<F: Fetch> {
    fetch: F,
    policy: RefreshPolicy,
    clocks: Clocks,
    place: Place,
    slot: ArcSwapOption<Generation<F::Value>>,
    /// Never held across an await.
    desk: Mutex<Desk<F::Error>>,
    handles: watch::Receiver<()>,
}

impl<F: Fetch> Refresher<F> {
    /// Fetches nothing and spawns nothing yet.
    pub(crate) fn new(fetch: F, policy: RefreshPolicy, clocks: Clocks) -> Self {
        Self::with_random(fetch, policy, clocks, fastrand::Rng::new())
    }

    fn with_random(fetch: F, policy: RefreshPolicy, clocks: Clocks, random: fastrand::Rng) -> Self {
        let (handle, handles) = watch::channel(());
        Self {
            core: Arc::new(Core {
                fetch,
                policy,
                clocks,
                place: Place::next(),
                slot: ArcSwapOption::empty(),
                desk: Mutex::new(Desk::new(random)),
                handles,
            }),
            _handle: Arc::new(Handle { _gone: handle }),
        }
    }

    /// What `hit` makes of the value, when it can be had without waiting, or what `miss` says. Needs no runtime,
    /// and allocates nothing while the value is fresh. In the advisory window it starts a flight if there is a runtime.
    #[inline]
    pub(crate) fn cached_or<T>(
        &self,
        hit: impl FnOnce(&F::Value) -> T,
        miss: impl FnOnce() -> T,
    ) -> T {
        let now = self.core.clocks.now();
        let slot = self.core.slot.load();
        if let Some(held) = slot.as_ref()
            && held.saw_fresh(&now)
        {
            // Made in the place where the caller wants it: each move of it costs.
            return hit(held.value());
        }
        self.core.aged(slot, &now, hit).unwrap_or_else(miss)
    }

    /// The value that is held, if it hasn't expired, whatever its age.
    pub(crate) fn held<T>(&self, pick: impl Fn(&F::Value) -> T) -> Option<T> {
        let now = self.core.clocks.now();
        self.core
            .vouch(&now)
            .map(|generation| pick(generation.value()))
    }

    /// The value, fetched if need be.
    pub(crate) async fn get<T>(&self, pick: impl Fn(&F::Value) -> T) -> Result<T, F::Error> {
        let mut flights = 0;
        while flights < ELECTIONS {
            if let Some(value) = self.cached_or(|value| Some(pick(value)), || None) {
                return Ok(value);
            }
            let now = self.core.clocks.now();
            let slot = self.core.slot.load_full();
            let seen = slot.as_ref().map(|held| held.number);
            let valid = match slot.map(|held| (held.freshness(&now), held)) {
                Some((Freshness::Expired, _)) | None => None,
                Some((Freshness::Mandatory, held)) => Some(held),
                // It came since the first look.
                Some(_) => continue,
            };
            let flight = match self.core.seat(&now, seen) {
                Ok(Seat::Flight(flight)) => flight,
                Ok(Seat::Overtaken) => continue,
                Ok(Seat::HeldOff(error)) | Err(error) => match self.core.vouch(&now) {
                    Some(generation) => return Ok(pick(generation.value())),
                    None => return Err(error),
                },
            };
            flights += 1;
            match valid {
                Some(held) => {
                    tokio::select! {
                        biased;
                        _ = flight.ended(&self.core.clocks) => {}
                        () = self.core.clocks.sleep(MANDATORY_PATIENCE.min(held.left(&now))) => {}
                    }
                    // The new one, or the old one; when that has expired meanwhile, once more.
                    if let Some(generation) = self.core.vouch(&self.core.clocks.now()) {
                        return Ok(pick(generation.value()));
                    }
                }
                None => match flight.ended(&self.core.clocks).await {
                    // What it published may have been taken back or have expired since: look again.
                    Ended::Published | Ended::Lost => {}
                    Ended::Failed(error) => return Err(error),
                },
            }
        }
        let now = self.core.clocks.now();
        match self.core.valid(&now) {
            Some(generation) => Ok(pick(generation.value())),
            None => Err(self.core.fetch.lost(Lost::RuntimeEnded)),
        }
    }

    /// Fetches now, whatever is held and whatever failed before. Joins only a flight that began after
    /// the call.
    pub(crate) async fn refresh(&self) -> Result<(), F::Error> {
        let first = self.core.desk().next_flight();
        for _ in 0..ELECTIONS {
            let flight = loop {
                let flight = self.core.any_seat()?;
                if flight.number() >= first {
                    break flight;
                }
                flight.ended(&self.core.clocks).await;
            };
            match flight.ended(&self.core.clocks).await {
                Ended::Published => return Ok(()),
                Ended::Failed(error) => return Err(error),
                Ended::Lost => {}
            }
        }
        Err(self.core.fetch.lost(Lost::RuntimeEnded))
    }

    /// How long one fetch may take.
    pub(crate) fn deadline(&self) -> Duration {
        self.core.policy.flight_deadline()
    }

    /// Forgets the value if it is the one meant.
    pub(crate) fn forget(&self, is_meant: impl Fn(&F::Value) -> bool) {
        let _desk = self.core.desk();
        if self
            .core
            .slot
            .load()
            .as_ref()
            .is_some_and(|it| is_meant(it.value()))
        {
            self.core.slot.store(None);
        }
    }
}

impl<F: Fetch> Core<F> {
    fn desk(&self) -> MutexGuard<'_, Desk<F::Error>> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What can be had without waiting, of a value that the calling thread didn't just see to be fresh.
    #[cold]
    fn aged<T>(
        self: &Arc<Self>,
        mut slot: Loaded<Generation<F::Value>>,
        now: &Moment,
        pick: impl FnOnce(&F::Value) -> T,
    ) -> Option<T> {
        let mut freshness = slot.as_ref()?.freshness(now);
        if freshness == Freshness::Stepped {
            self.rebase(now);
            slot = self.slot.load();
            freshness = slot.as_ref()?.freshness(now);
        }
        let generation = slot.as_ref()?;
        match freshness {
            Freshness::Fresh => Some(pick(generation.value())),
            Freshness::Advisory => {
                let seen = Some(generation.number);
                drop(slot);
                // Nobody waits for it: when there is no runtime or a failure before, what is held will do.
                let _ = self.seat(now, seen);
                self.vouch(now).map(|held| pick(held.value()))
            }
            Freshness::Stepped | Freshness::Mandatory | Freshness::Expired => None,
        }
    }

    fn valid(&self, now: &Moment) -> Option<Arc<Generation<F::Value>>> {
        self.slot
            .load_full()
            .filter(|held| held.freshness(now) != Freshness::Expired)
    }

    /// The generation that is held, with an advertised expiry that a cache above can live with until
    /// the refresh is done.
    fn vouch(&self, now: &Moment) -> Option<Arc<Generation<F::Value>>> {
        let mut held = self.valid(now)?;
        if held.freshness(now) == Freshness::Stepped {
            self.rebase(now);
            held = self.valid(now)?;
        }
        if held.freshness(now) == Freshness::Fresh || held.held(now).is_none() {
            return Some(held);
        }
        self.replace(|held| held.held(now));
        self.valid(now)
    }

    fn rebase(&self, now: &Moment) {
        self.replace(|held| {
            held.freshness(now)
                .eq(&Freshness::Stepped)
                .then(|| held.rebased(now))
        });
    }

    /// Replaces what is said of the value that is held, unless another one came meanwhile.
    fn replace(&self, change: impl Fn(&Generation<F::Value>) -> Option<Generation<F::Value>>) {
        let _desk = self.desk();
        if let Some(changed) = self.slot.load().as_ref().and_then(|held| change(held)) {
            self.slot.store(Some(Arc::new(changed)));
        }
    }

    /// A seat for somebody who saw this generation, or none, and needs what comes after it: in the flight that is under
    /// way, or in a new one.
    fn seat(self: &Arc<Self>, now: &Moment, seen: Option<u64>) -> Result<Seat<F::Error>, F::Error> {
        let runtime = self.runtime()?;
        let desk = self.desk();
        if self.slot.load().as_ref().map(|held| held.number) != seen {
            return Ok(Seat::Overtaken);
        }
        Ok(match (desk.under_way(now), desk.held_off(now)) {
            (Some(flight), _) => Seat::Flight(flight),
            (None, Some(error)) => Seat::HeldOff(error),
            (None, None) => Seat::Flight(self.depart(desk, now, &runtime)),
        })
    }

    /// A seat for somebody who asks for a fetch whatever is held and whatever failed before.
    fn any_seat(self: &Arc<Self>) -> Result<Flight<F::Error>, F::Error> {
        let runtime = self.runtime()?;
        let now = self.clocks.now();
        let desk = self.desk();
        Ok(match desk.under_way(&now) {
            Some(flight) => flight,
            None => self.depart(desk, &now, &runtime),
        })
    }

    /// Needed to wait for a flight as well.
    fn runtime(&self) -> Result<Runtime, F::Error> {
        Runtime::try_current().map_err(|_| self.fetch.lost(Lost::NoRuntime))
    }

    fn depart(
        self: &Arc<Self>,
        mut desk: MutexGuard<'_, Desk<F::Error>>,
        now: &Moment,
        runtime: &Runtime,
    ) -> Flight<F::Error> {
        let (flight, pilot) = desk.depart(now, self.policy.flight_deadline());
        drop(desk);
        runtime.spawn(flight::fly(self.clone(), pilot));
        self.keep_warm(runtime);
        flight
    }

    fn keep_warm(self: &Arc<Self>, runtime: &Runtime) {
        if self.policy.is_keep_warm() && self.desk().warm_up() {
            runtime.spawn(flight::keep_warm(Warmth::of(self.clone())));
        }
    }
}
