//! Answers that are sent piece by piece.

use crate::lock::lock;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::Waker;

/// Releases the bytes of an answer; see [`Fault::trickle`](crate::Fault::trickle).
///
/// It has no clock: the test says when how many bytes are sent.
#[derive(Clone, Default)]
pub struct Trickle {
    gate: Arc<Mutex<Gate>>,
}

#[derive(Default)]
struct Gate {
    released: u64,
    waiting: Vec<Waker>,
}

impl Trickle {
    /// A trickle that has released nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Releases `bytes` more of each answer.
    pub fn release(&self, bytes: u64) {
        let waiting = {
            let mut gate = lock(&self.gate);
            gate.released = gate.released.saturating_add(bytes);
            std::mem::take(&mut gate.waiting)
        };
        // Woken without the lock: a woken task takes it.
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Releases the whole of each answer.
    pub fn release_all(&self) {
        self.release(u64::MAX);
    }

    /// How many bytes may be sent after the first `written`. If none, wakes `waker` on the next
    /// release.
    pub(super) fn allowance(&self, written: u64, waker: &Waker) -> u64 {
        let mut gate = lock(&self.gate);
        let allowance = gate.released.saturating_sub(written);
        if allowance == 0 {
            gate.waiting.push(waker.clone());
        }
        allowance
    }
}

impl fmt::Debug for Trickle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let released = lock(&self.gate).released;
        f.debug_struct("Trickle")
            .field("released", &released)
            .finish_non_exhaustive()
    }
}
