//! Ports on loopback, and the faults that are made on their connections.
//!
//! This folder knows HTTP's framing and nothing of Google or AWS: a [`port::Port`] hands each
//! request to a [`port::Handler`] and writes the response as the handler's [`Fault`] says.

mod fault;
pub(crate) mod port;
mod stream;
mod trickle;

pub use fault::Fault;
pub use trickle::Trickle;
