//! When an answer arrived, by both clocks.

use super::retry_after::http_date;
use std::fmt;
use std::time::{Duration, SystemTime};

/// When an answer arrived, by our clock and by the server's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) at: SystemTime,
    pub(crate) date: Option<SystemTime>,
}

/// Clocks that differ by no more than this count as equal: a `Date` header has whole seconds, and
/// the answer was in transit.
const SAME_TIME: Duration = Duration::from_secs(2);

impl Received {
    pub(crate) fn new(at: SystemTime, date: Option<&str>) -> Self {
        Self {
            at,
            date: date.and_then(http_date),
        }
    }

    /// How far the server's clock is ahead of ours or behind it, if that exceeds the precision of
    /// its answer.
    pub(crate) fn skew(&self) -> Option<Skew> {
        let date = self.date?;
        let (ahead, by) = match date.duration_since(self.at) {
            Ok(by) => (true, by),
            Err(error) => (false, error.duration()),
        };
        (by > SAME_TIME).then_some(Skew {
            server_ahead: ahead,
            by,
        })
    }

    /// Converts a time that the server named into this machine's time. If the clocks disagree, what
    /// counts is the time left by the server's clock, at most `span`.
    pub(crate) fn local_expiry(&self, expires_at: SystemTime, span: Duration) -> SystemTime {
        match (self.skew(), self.date) {
            (Some(_), Some(date)) => {
                let left = expires_at
                    .duration_since(date)
                    .unwrap_or_default()
                    .min(span);
                self.at.checked_add(left).unwrap_or(expires_at)
            }
            _ => expires_at,
        }
    }
}

/// The difference between this machine's clock and the server's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Skew {
    pub(crate) server_ahead: bool,
    pub(crate) by: Duration,
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.server_ahead {
            "behind"
        } else {
            "ahead of"
        };
        write!(
            f,
            "this machine's clock is {} s {direction} the server's",
            self.by.as_secs()
        )
    }
}
