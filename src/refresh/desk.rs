//! The flight's bookkeeping: who flies, and what failed before.

use super::HoldOff;
use super::flight::{Flight, Pilot};
use super::policy::RefreshPolicy;
use crate::clock::Moment;
use std::time::Duration;

/// A place in a flight, or the reason why there is none.
pub(super) enum Seat<E> {
    Flight(Flight<E>),
    HeldOff(E),
    /// Another flight landed since the caller looked: it should look again.
    Overtaken,
}

pub(super) struct Desk<E> {
    under_way: Option<Flight<E>>,
    next: u64,
    random: fastrand::Rng,
    failures: u32,
    last: Option<Failure<E>>,
    warm: bool,
}

struct Failure<E> {
    error: E,
    at: Moment,
    /// How long those who ask get the error.
    pause: Duration,
    /// How long nobody tries without being asked.
    rest: Duration,
}

/// How a flight failed.
pub(super) struct Failed<E> {
    pub(super) error: E,
    pub(super) hold_off: HoldOff,
    pub(super) at: Moment,
    /// What remains of the generation held.
    pub(super) left: Duration,
}

impl<E: Clone> Desk<E> {
    pub(super) fn new(random: fastrand::Rng) -> Self {
        Self {
            under_way: None,
            next: 0,
            random,
            failures: 0,
            last: None,
            warm: false,
        }
    }

    /// The number of the next flight.
    pub(super) fn next_flight(&self) -> u64 {
        self.next
    }

    pub(super) fn random(&mut self) -> f64 {
        self.random.f64()
    }

    /// One whose runtime ended without a word, or stands still, is none.
    pub(super) fn under_way(&self, now: &Moment) -> Option<Flight<E>> {
        self.under_way
            .as_ref()
            .filter(|flight| flight.is_under_way(now))
            .cloned()
    }

    /// What is still held against a new flight.
    pub(super) fn held_off(&self, now: &Moment) -> Option<E> {
        let last = self.last.as_ref()?;
        (last.at.age(now) < last.pause).then(|| last.error.clone())
    }

    /// A new flight, and the end of it that its task holds.
    pub(super) fn depart(&mut self, now: &Moment, deadline: Duration) -> (Flight<E>, Pilot<E>) {
        let (flight, pilot) = Flight::new(self.next, now, deadline);
        self.next += 1;
        self.under_way = Some(flight.clone());
        (flight, pilot)
    }

    pub(super) fn landed(&mut self, number: u64) {
        self.clear(number);
        self.failures = 0;
        self.last = None;
    }

    pub(super) fn failed(&mut self, number: u64, failed: Failed<E>, policy: &RefreshPolicy) {
        let Failed {
            error,
            hold_off,
            at,
            left,
        } = failed;
        // One that was given up says nothing of the one that took its place.
        if !self.clear(number) {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let rest = policy.pause(self.failures, left, self.random.f64());
        let pause = match (hold_off, left.is_zero()) {
            (HoldOff::None, true) => Duration::ZERO,
            (HoldOff::Minute, true) => Duration::from_secs(60),
            (HoldOff::Short, true) => Duration::from_secs(1),
            (HoldOff::Backoff, true) => rest,
            (_, false) => rest,
        };
        self.last = Some(Failure {
            error,
            at,
            pause,
            rest,
        });
    }

    /// How long until a flight may begin that nobody asked for, after the last failure.
    pub(super) fn rest_left(&self, now: &Moment) -> Duration {
        self.last.as_ref().map_or(Duration::ZERO, |last| {
            last.pause.max(last.rest).saturating_sub(last.at.age(now))
        })
    }

    /// Whether the task that keeps warm is to be started.
    pub(super) fn warm_up(&mut self) -> bool {
        !std::mem::replace(&mut self.warm, true)
    }

    pub(super) fn cool_down(&mut self) {
        self.warm = false;
    }

    /// Whether it was the flight under way that ended.
    fn clear(&mut self, number: u64) -> bool {
        let is_it = |flight: &Flight<E>| flight.number() == number;
        let was_it = self.under_way.as_ref().is_some_and(is_it);
        if was_it {
            self.under_way = None;
        }
        was_it
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Instant, SystemTime};

    #[test]
    fn a_flight_that_was_given_up_says_nothing_of_the_one_that_took_its_place() {
        let mut desk = Desk::new(fastrand::Rng::with_seed(1));
        #[allow(clippy::disallowed_methods, reason = "the time doesn't matter")]
        let now = Moment {
            wall: SystemTime::UNIX_EPOCH,
            monotonic: Instant::now(),
        };
        let deadline = Duration::from_secs(15);
        let failed = || Failed {
            error: "late",
            hold_off: HoldOff::Minute,
            at: now,
            left: Duration::ZERO,
        };
        let (_, _given_up) = desk.depart(&now, deadline);
        let (_, _next) = desk.depart(&now, deadline);
        desk.failed(0, failed(), &RefreshPolicy::default());
        let under_way = desk.under_way(&now).map(|flight| flight.number());
        assert_eq!((desk.held_off(&now), under_way), (None, Some(1)));
        desk.landed(1);
        desk.failed(0, failed(), &RefreshPolicy::default());
        assert_eq!(desk.held_off(&now), None);
        // One of its own would be held against the next.
        let (_, _own) = desk.depart(&now, deadline);
        desk.failed(2, failed(), &RefreshPolicy::default());
        assert_eq!(desk.held_off(&now), Some("late"));
    }
}
