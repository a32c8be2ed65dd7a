//! One exchange, in a task of its own.

use super::desk::{Failed, Seat};
use super::generation::{Freshness, Generation};
use super::{Core, Fetch, Fetched, HoldOff, Lost};
use crate::clock::{Clocks, Moment};
use std::future::poll_fn;
use std::pin::pin;
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

/// So much longer than its deadline nobody waits for a flight: its runtime stands still, or its thread is blocked.
const OVERDUE: Duration = Duration::from_secs(5);

/// A flight, as those see it who wait for it.
pub(super) struct Flight<E> {
    number: u64,
    /// By the monotonic clock.
    departed: Moment,
    patience: Duration,
    end: watch::Receiver<Option<Ended<E>>>,
}

impl<E: Clone> Clone for Flight<E> {
    fn clone(&self) -> Self {
        Self {
            number: self.number,
            departed: self.departed,
            patience: self.patience,
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
    pub(super) fn new(number: u64, now: &Moment, deadline: Duration) -> (Self, Pilot<E>) {
        let (sender, end) = watch::channel(None);
        (
            Self {
                number,
                departed: *now,
                patience: deadline.saturating_add(OVERDUE),
                end,
            },
            Pilot {
                number,
                end: sender,
            },
        )
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn is_under_way(&self, now: &Moment) -> bool {
        let is_open = self.end.borrow().is_none() && self.end.has_changed().is_ok();
        is_open && !self.time_left(now).is_zero()
    }

    /// Until it counts as lost.
    fn time_left(&self, now: &Moment) -> Duration {
        let since = now
            .monotonic
            .saturating_duration_since(self.departed.monotonic);
        self.patience.saturating_sub(since)
    }

    pub(super) async fn ended(mut self, clocks: &Clocks) -> Ended<E> {
        let time_left = self.time_left(&clocks.now());
        tokio::select! {
            biased;
            ended = self.end.wait_for(Option::is_some) => match ended {
                Ok(ended) => ended.clone().unwrap_or(Ended::Lost),
                Err(_) => Ended::Lost,
            },
            () = clocks.sleep(time_left) => Ended::Lost,
        }
    }
}

/// Says of a flight that unwinds that it panicked: those who wait would start it anew otherwise.
struct Guard<F: Fetch> {
    core: Arc<Core<F>>,
    pilot: Pilot<F::Error>,
    /// It is the fetch that runs, not what surrounds it: a task is dropped with its runtime too.
    in_fetch: bool,
}

impl<F: Fetch> Guard<F> {
    async fn fetch(&mut self) -> Result<Fetched<F::Value>, F::Error> {
        let core = self.core.clone();
        self.in_fetch = true;
        let mut fetch = pin!(core.fetch.fetch());
        self.in_fetch = false;
        poll_fn(|cx| {
            self.in_fetch = true;
            let poll = fetch.as_mut().poll(cx);
            self.in_fetch = false;
            poll
        })
        .await
    }

    fn land(&mut self, result: Result<Fetched<F::Value>, F::Error>) {
        let Self { core, pilot, .. } = self;
        let now = core.clocks.now();
        let result = result.and_then(|fetched| match fetched.lifetime {
            lifetime if lifetime < MIN_LIFETIME => Err(core.fetch.lost(Lost::Stillborn)),
            _ => Ok(fetched),
        });
        let hold_off = result
            .as_ref()
            .err()
            .map(|error| core.fetch.hold_off(error));
        let mut desk = core.desk();
        let held = core.slot.load_full();
        let (ended, failed) = match result {
            // One that was given up and comes home late brings nothing newer than what is held.
            Ok(_) if held.as_ref().is_some_and(|it| it.number > pilot.number) => {
                (Ended::Published, None)
            }
            Ok(Fetched { value, lifetime }) => {
                let random = desk.random();
                let generation = Generation::new(
                    core.place,
                    pilot.number,
                    &value,
                    lifetime,
                    now,
                    &core.policy,
                    random,
                );
                core.slot.store(Some(Arc::new(generation)));
                desk.landed(pilot.number);
                (Ended::Published, None)
            }
            Err(error) => {
                let left = held.map_or(Duration::ZERO, |held| held.left(&now));
                let failure = Failed {
                    error: error.clone(),
                    hold_off: hold_off.unwrap_or(HoldOff::Short),
                    at: now,
                    left,
                };
                desk.failed(pilot.number, failure, &core.policy);
                (Ended::Failed(error.clone()), Some((error, left)))
            }
        };
        drop(desk);
        pilot.end.send_replace(Some(ended));
        // What is done about it may be anything, and take its time.
        if let Some((error, left)) = failed {
            core.fetch.failed(&error, left);
        }
    }
}

impl<F: Fetch> Drop for Guard<F> {
    fn drop(&mut self) {
        if self.in_fetch && std::thread::panicking() {
            self.in_fetch = false;
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
        in_fetch: false,
    };
    let result = tokio::select! {
        biased;
        result = guard.fetch() => result,
        () = core.clocks.sleep(deadline) => Err(core.fetch.lost(Lost::Deadline(deadline))),
        _ = handles.changed() => return,
    };
    guard.land(result);
}

/// Held by the task that keeps warm: another flight may start it anew when it ends with its runtime, if it ever began.
pub(super) struct Warmth<F: Fetch>(Arc<Core<F>>);

impl<F: Fetch> Warmth<F> {
    pub(super) fn of(core: Arc<Core<F>>) -> Self {
        Self(core)
    }
}

impl<F: Fetch> Drop for Warmth<F> {
    fn drop(&mut self) {
        self.0.desk().cool_down();
    }
}

/// Starts a flight whenever one is due, until the last handle is dropped.
pub(super) async fn keep_warm<F: Fetch>(warmth: Warmth<F>) {
    let core = &warmth.0;
    let mut handles = core.handles.clone();
    loop {
        let now = core.clocks.now();
        let held = core.slot.load_full();
        let due = held
            .as_ref()
            .map_or(Duration::ZERO, |held| held.until_refresh(&now));
        let pause = core.desk().rest_left(&now);
        let wait = due.max(pause);
        if wait.is_zero() {
            match core.seat(&now, held.map(|held| held.number)) {
                Ok(Seat::Flight(flight)) => {
                    tokio::select! {
                        biased;
                        // The flight ends with the last handle as well, and another would begin.
                        _ = handles.changed() => return,
                        _ = flight.ended(&core.clocks) => {}
                    }
                    let now = core.clocks.now();
                    let fresh = core.slot.load().as_ref().is_some_and(|held| {
                        !matches!(
                            held.freshness(&now),
                            Freshness::Expired | Freshness::Mandatory
                        )
                    });
                    if fresh || !core.desk().rest_left(&now).is_zero() {
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
