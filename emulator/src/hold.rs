//! Requests held until a test lets them go.

use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// Holds the requests of a hop; see [`Emulator::hold`](super::Emulator::hold). Dropping it lets them go.
#[must_use = "dropping it lets the requests go"]
pub struct Hold {
    gate: Gate,
}

impl Hold {
    pub(super) fn new() -> (Self, Gate) {
        let gate = Gate(Arc::new(watch::Sender::new(State::default())));
        (Self { gate: gate.clone() }, gate)
    }

    /// Waits until `requests` in all have come to be held, those let go included. They are recorded by then.
    pub async fn reached(&self, requests: usize) {
        let mut states = self.gate.0.subscribe();
        // The sender lives as long as this hold.
        let _ = states.wait_for(|state| state.reached >= requests).await;
    }

    /// Lets `requests` more go, in the order in which they came; the others stay.
    pub fn release_next(&self, requests: usize) {
        self.gate
            .0
            .send_modify(|state| state.allowed = state.allowed.saturating_add(requests));
    }

    /// Lets all of them go, and holds no more.
    pub fn release(self) {}
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gate.0.send_modify(|state| state.released = true);
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("reached", &self.gate.0.borrow().reached)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct State {
    reached: usize,
    allowed: usize,
    released: bool,
}

/// The server's side of a hold.
#[derive(Clone)]
pub(super) struct Gate(Arc<watch::Sender<State>>);

impl Gate {
    pub(super) fn is_open(&self) -> bool {
        self.0.borrow().released
    }

    pub(super) async fn pass(&self) {
        let mut ticket = 0;
        self.0.send_modify(|state| {
            state.reached += 1;
            ticket = state.reached;
        });
        let mut states = self.0.subscribe();
        let _ = states
            .wait_for(|state| state.released || state.allowed >= ticket)
            .await;
    }
}
