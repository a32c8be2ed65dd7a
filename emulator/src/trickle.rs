//! Answers let through piece by piece.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::Waker;

/// Lets an answer through byte by byte; see [`Answer::trickle`](super::Answer::trickle). No time passes in it: tests say when.
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
    /// One that lets nothing through yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `bytes` more of each answer through.
    pub fn release(&self, bytes: u64) {
        let waiting = {
            let mut gate = super::lock(&self.gate);
            gate.released = gate.released.saturating_add(bytes);
            std::mem::take(&mut gate.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Lets the whole of each answer through.
    pub fn release_all(&self) {
        self.release(u64::MAX);
    }

    /// How many bytes may go out after the `written` first; the waker is called when there are more.
    pub(super) fn allowance(&self, written: u64, waker: &Waker) -> u64 {
        let mut gate = super::lock(&self.gate);
        let allowance = gate.released.saturating_sub(written);
        if allowance == 0 {
            gate.waiting.push(waker.clone());
        }
        allowance
    }
}

impl fmt::Debug for Trickle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let released = super::lock(&self.gate).released;
        f.debug_struct("Trickle")
            .field("released", &released)
            .finish_non_exhaustive()
    }
}
