//! What each thread keeps to itself, so that a hit is cheap.

use crate::clock::{DRIFT, Moment};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// A value is cloned for each hit, and threads that count references to the same one wait for each other's
/// cores: with this many copies few do.
pub(super) const LANES: usize = 8;

/// Which copy the calling thread keeps to.
#[inline]
pub(super) fn lane() -> usize {
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

/// A program may ask providers in turn, for the roles it has: so many of them have a glance of their own on each thread.
const PLACES: usize = 8;

/// Where a refresher's generations have their glances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::refresh) struct Place(usize);

impl Place {
    pub(in crate::refresh) fn next() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed) % PLACES)
    }
}

/// Tells generations of all refreshers apart, and what is said of one before and after a clock stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    number: u64,
    place: Place,
}

impl Name {
    pub(super) fn new(place: Place) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            place,
        }
    }

    /// Another one at the same place.
    pub(super) fn anew(self) -> Self {
        Self::new(self.place)
    }
}

/// How long a glance at both clocks is good for: while neither has moved by more than they may drift apart, they needn't be
/// subtracted from each other to see that none stepped. That costs more than reading one.
const GOOD_FOR: Duration = DRIFT;

/// That a generation was fresh and no clock had stepped, and the times at which that is still so.
#[derive(Clone, Copy, Debug)]
pub(super) struct Glance {
    name: Name,
    until: Instant,
    /// Not set back, not set forward.
    wall: (SystemTime, SystemTime),
}

impl Glance {
    /// `fresh_for` is what is left of its being fresh.
    pub(super) fn at(name: Name, now: &Moment, fresh_for: Duration) -> Self {
        let good_for = GOOD_FOR.min(fresh_for);
        Self {
            name,
            until: now.monotonic + good_for,
            wall: (now.wall, now.wall.checked_add(good_for).unwrap_or(now.wall)),
        }
    }
}

thread_local! {
    static LAST: [Cell<Option<Glance>>; PLACES] = const { [const { Cell::new(None) }; PLACES] };
}

/// Whether the calling thread saw a moment ago that it is fresh.
#[inline]
pub(super) fn saw_fresh(name: Name, now: &Moment) -> bool {
    LAST.with(|last| last[name.place.0].get())
        .is_some_and(|seen| {
            seen.name == name
                && now.monotonic < seen.until
                && now.wall >= seen.wall.0
                && now.wall < seen.wall.1
        })
}

pub(super) fn note_fresh(seen: Glance) {
    LAST.with(|last| last[seen.name.place.0].set(Some(seen)));
}
