//! Requests that wait until a test releases them.

use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// Holds the requests of a call; see [`Emulator::hold`](crate::Emulator::hold). Dropping it
/// releases them.
#[must_use = "dropping it releases the requests"]
pub struct Hold {
    gate: Gate,
}

impl Hold {
    pub(crate) fn new() -> (Self, Gate) {
        let gate = Gate(Arc::new(watch::Sender::new(State::default())));
        (Self { gate: gate.clone() }, gate)
    }

    /// Waits until this hold has received `requests` requests in total, released ones included.
    /// They are recorded by then.
    pub async fn reached(&self, requests: usize) {
        let mut states = self.gate.0.subscribe();
        // The sender lives as long as this hold.
        let _ = states.wait_for(|state| state.reached >= requests).await;
    }

    /// Releases `requests` more, in the order of arrival; the others keep waiting.
    pub fn release_next(&self, requests: usize) {
        self.gate
            .0
            .send_modify(|state| state.allowed = state.allowed.saturating_add(requests));
    }

    /// Releases all of them, and holds no more.
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
pub(crate) struct Gate(Arc<watch::Sender<State>>);

impl Gate {
    pub(crate) fn is_open(&self) -> bool {
        self.0.borrow().released
    }

    pub(crate) async fn pass(&self) {
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
