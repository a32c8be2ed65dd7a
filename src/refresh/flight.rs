//! One exchange, in a task of its own.

use super::desk::{Failed, Seat};
use super::generation::{Freshness, Generation};
use super::{Core, Fetch, Fetched, Lost};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Shorter-lived values would be fetched in a busy loop; they count as expired on arrival.
const MIN_LIFETIME: Duration = Duration::from_secs(1);

/// A machine may be suspended while the task that keeps warm sleeps, or its clock be set: so often it looks again.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// How a flight ended.
#[derive(Clone, Debug)]
pub(super) enum Ended<E> {
    Published,
    Failed(E),
    /// Its runtime ended, or it was aborted: nobody knows.
    Lost,
}

/// A flight, as those see it who wait for it.
pub(super) struct Flight<E> {
    number: u64,
    end: watch::Receiver<Option<Ended<E>>>,
}

impl<E: Clone> Clone for Flight<E> {
    fn clone(&self) -> Self {
        Self {
            number: self.number,
            end: self.end.clone(),
        }
    }
}

/// A flight, as its task sees it: dropped without a word, the flight is lost.
pub(super) struct Pilot<E> {
    number: u64,
    end: watch::Sender<Option<Ended<E>>>,
}

impl<E: Clone> Flight<E> {
    pub(super) fn new(number: u64) -> (Self, Pilot<E>) {
        let (sender, end) = watch::channel(None);
        (
            Self { number, end },
            Pilot {
                number,
                end: sender,
            },
        )
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.end.borrow().is_none() && self.end.has_changed().is_ok()
    }

    pub(super) async fn ended(mut self) -> Ended<E> {
        match self.end.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ended::Lost),
            Err(_) => Ended::Lost,
        }
    }
}

/// Says of a flight that unwinds that it panicked: those who wait would start it anew otherwise.
struct Guard<F: Fetch> {
    core: Arc<Core<F>>,
    pilot: Pilot<F::Error>,
    landed: bool,
}

impl<F: Fetch> Guard<F> {
    fn land(&mut self, result: Result<Fetched<F::Value>, F::Error>) {
        self.landed = true;
        let Self { core, pilot, .. } = self;
        let now = core.clocks.now();
        let result = result.and_then(|fetched| match fetched.lifetime {
            lifetime if lifetime < MIN_LIFETIME => Err(core.fetch.lost(Lost::Stillborn)),
            _ => Ok(fetched),
        });
        let mut desk = core.desk();
        let ended = match result {
            Ok(Fetched { value, lifetime }) => {
                let random = desk.random();
                let generation =
                    Generation::new(pilot.number, &value, lifetime, now, &core.policy, random);
                core.slot.store(Some(Arc::new(generation)));
                desk.landed(pilot.number);
                Ended::Published
            }
            Err(error) => {
                let left = core
                    .slot
                    .load()
                    .as_ref()
                    .map_or(Duration::ZERO, |held| held.left(&now));
                if !left.is_zero() {
                    core.fetch.not_refreshed(&error, left);
                }
                let failure = Failed {
                    error: error.clone(),
                    hold_off: core.fetch.hold_off(&error),
                    at: now,
                    left,
                };
                desk.failed(pilot.number, failure, &core.policy);
                Ended::Failed(error)
            }
        };
        drop(desk);
        pilot.end.send_replace(Some(ended));
    }
}

impl<F: Fetch> Drop for Guard<F> {
    fn drop(&mut self) {
        if !self.landed && std::thread::panicking() {
            let panicked = self.core.fetch.lost(Lost::Panicked);
            self.land(Err(panicked));
        }
    }
}

/// Fetches, publishes and says so. Ends without a word when the last handle is dropped.
pub(super) async fn fly<F: Fetch>(core: Arc<Core<F>>, pilot: Pilot<F::Error>) {
    let mut handles = core.handles.clone();
    let deadline = core.policy.flight_deadline();
    let mut guard = Guard {
        core: core.clone(),
        pilot,
        landed: false,
    };
    let result = tokio::select! {
        biased;
        result = core.fetch.fetch() => result,
        () = core.clocks.sleep(deadline) => Err(core.fetch.lost(Lost::Deadline(deadline))),
        _ = handles.changed() => return,
    };
    guard.land(result);
}

/// Starts a flight whenever one is due, until the last handle is dropped.
pub(super) async fn keep_warm<F: Fetch>(core: Arc<Core<F>>) {
    /// Another flight may start the task anew when this one ends with its runtime.
    struct CoolDown<F: Fetch>(Arc<Core<F>>);
    impl<F: Fetch> Drop for CoolDown<F> {
        fn drop(&mut self) {
            self.0.desk().cool_down();
        }
    }
    let mut handles = core.handles.clone();
    let core = CoolDown(core);
    let core = &core.0;
    loop {
        let now = core.clocks.now();
        let held = core.slot.load_full();
        let due = held
            .as_ref()
            .map_or(Duration::ZERO, |held| held.until_refresh(&now));
        let pause = core.desk().pause_left(&now);
        let wait = due.max(pause);
        if wait.is_zero() {
            match core.seat(&now, held.map(|held| held.number)) {
                Ok(Seat::Flight(flight)) => {
                    tokio::select! {
                        biased;
                        _ = flight.ended() => {}
                        _ = handles.changed() => return,
                    }
                    let now = core.clocks.now();
                    let fresh = core.slot.load().as_ref().is_some_and(|held| {
                        !matches!(
                            held.freshness(&now),
                            Freshness::Expired | Freshness::Mandatory
                        )
                    });
                    if fresh || !core.desk().pause_left(&now).is_zero() {
                        continue;
                    }
                }
                Ok(Seat::HeldOff(_)) => {}
                Ok(Seat::Overtaken) => continue,
                Err(_) => return,
            }
        }
        tokio::select! {
            biased;
            () = core.clocks.sleep(wait.clamp(MIN_LIFETIME, LONGEST_SLEEP)) => {}
            _ = handles.changed() => return,
        }
    }
}
