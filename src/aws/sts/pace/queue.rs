//! Who waits, in the order in which they came.

use std::collections::VecDeque;
use std::time::Duration;

/// The waiting callers. A caller that no longer runs, because its runtime stands still, counts only
/// until its deadline.
#[derive(Default)]
pub(super) struct Queue {
    /// In ascending order of the numbers.
    waiting: VecDeque<(u64, Duration)>,
    next: u64,
}

impl Queue {
    /// Adds a caller that waits until `ends_at`, and returns its number.
    pub(super) fn join(&mut self, ends_at: Duration) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.push_back((number, ends_at));
        number
    }

    /// How many callers are ahead of this one.
    pub(super) fn rank(&mut self, number: u64, now: Duration) -> usize {
        while self.waiting.front().is_some_and(|(_, end)| *end < now) {
            self.waiting.pop_front();
        }
        self.position(number).unwrap_or_else(|place| place)
    }

    pub(super) fn leave(&mut self, number: u64) {
        if let Ok(place) = self.position(number) {
            self.waiting.remove(place);
        }
        // A cold start of thousands of roles leaves no memory behind.
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    fn position(&self, number: u64) -> Result<usize, usize> {
        self.waiting
            .binary_search_by_key(&number, |(number, _)| *number)
    }
}
