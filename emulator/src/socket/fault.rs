//! The faults that a connection can have.

use super::stream::{End, WritePlan};
use super::trickle::Trickle;

/// What goes wrong on the connection of a request; see
/// [`Emulator::fail_next`](crate::Emulator::fail_next).
///
/// ```
/// # use aws_google_web_identity_emulator::{Fault, Trickle};
/// Fault::reset();
/// Fault::trickle(&Trickle::new());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Fault(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// The request is never answered.
    Hang,
    /// The healthy answer is written as planned.
    Write(WritePlan),
}

impl Fault {
    fn write(plan: WritePlan) -> Self {
        Self(Kind::Write(plan))
    }

    /// The connection is reset (TCP RST) in place of an answer.
    pub fn reset() -> Self {
        Self::write(WritePlan::after(0, End::Reset))
    }

    /// The connection is closed in order, without an answer.
    pub fn close() -> Self {
        Self::write(WritePlan::after(0, End::Close))
    }

    /// Nothing is sent, and the connection stays open, until the client gives up or the emulator is
    /// dropped.
    pub fn hang() -> Self {
        Self(Kind::Hang)
    }

    /// The healthy answer, cut in the middle of its status line; then the connection is closed.
    pub fn truncated_head() -> Self {
        Self::write(WritePlan::after("HTTP/1.1 2".len(), End::Close))
    }

    /// The healthy answer, cut after the first byte of its body; then the connection is closed.
    pub fn truncated_body() -> Self {
        Self::write(WritePlan::after_head(1, End::Close))
    }

    /// The head of the healthy answer and the first byte of its body; then nothing, with the
    /// connection open.
    pub fn stalled_body() -> Self {
        Self::write(WritePlan::after_head(1, End::Stall))
    }

    /// The healthy answer, byte by byte, as `trickle` releases them.
    pub fn trickle(trickle: &Trickle) -> Self {
        Self::write(WritePlan::gated(trickle.clone()))
    }

    /// Bytes that are not HTTP, the greeting of another protocol; then the connection is closed.
    pub fn not_http() -> Self {
        Self::write(WritePlan::instead("SSH-2.0-emulator\r\n"))
    }

    /// How the answer is written; `None` if it never is.
    pub(super) fn plan(&self) -> Option<&WritePlan> {
        match &self.0 {
            Kind::Hang => None,
            Kind::Write(plan) => Some(plan),
        }
    }
}
