//! What is left of a life that another process began to count.

use crate::cache::SessionEntry;
use crate::context::Context;
use crate::environment::BootClock;
use aws_lc_rs::digest::{SHA256, digest};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A wall clock that is further ahead of the uptime was not only set: see [`Times::left`].
const MAX_STEP: Duration = Duration::from_secs(6 * 3600);

/// One moment, as the processes of a machine can compare it.
pub(super) struct Now {
    wall: SystemTime,
    boot: Option<BootClock>,
}

impl Now {
    /// Reads the clocks. Only after a file was read, or after the lock for writing was taken: what
    /// another process wrote later than this moment would seem to come from the future, and so be
    /// absent.
    pub(super) fn read(cx: &Context) -> Self {
        Self {
            wall: cx.now(),
            boot: cx.environment().boot_clock(cx.clocks().elapsed()),
        }
    }
}

/// How much was left of a life, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Times {
    left: Duration,
    /// Since 1970.
    wall: Duration,
    /// A hash of what identifies the boot, and the uptime.
    boot: Option<([u8; 16], Duration)>,
}

impl Times {
    pub(super) const BYTES: usize = 8 + 8 + 16 + 8;

    pub(super) fn new(now: &Now, left: Duration) -> Self {
        Self {
            left,
            wall: now.wall.duration_since(UNIX_EPOCH).unwrap_or_default(),
            boot: now.boot.as_ref().map(|boot| (hash(boot), boot.uptime)),
        }
    }

    /// What is left now; `None` when that is nothing, or can't be told.
    ///
    /// The uptime of one boot runs on through suspension, and nobody sets it: by it, a wall clock
    /// that was set by hours changes nothing. But a virtual machine that is restored goes on with
    /// the uptime of its snapshot, and then its wall clock is set to the present: sessions that
    /// expired days ago would be fresh again. So a wall clock that is more than [`MAX_STEP`] ahead
    /// counts, which costs an exchange if it was only set by that much.
    ///
    /// Without the uptime only the wall clock is left. If that is
    /// behind the time of writing, it was set back by an unknown span, so the session counts as
    /// absent, which costs an exchange; to take it for fresh would hand out an expired one.
    pub(super) fn left(&self, now: &Now) -> Option<Duration> {
        if self.left > SessionEntry::MAX_LEFT {
            return None;
        }
        let wall = now.wall.duration_since(UNIX_EPOCH).ok();
        let by_wall = wall.and_then(|wall| wall.checked_sub(self.wall));
        let elapsed = match (&self.boot, &now.boot) {
            (Some((boot, uptime)), Some(current)) if *boot == hash(current) => {
                let by_uptime = current.uptime.checked_sub(*uptime)?;
                let most = by_uptime.saturating_add(MAX_STEP);
                by_wall.filter(|it| *it > most).unwrap_or(by_uptime)
            }
            _ => by_wall?,
        };
        let left = self.left.checked_sub(elapsed)?;
        Some(left).filter(|left| !left.is_zero())
    }

    pub(super) fn bytes(&self) -> [u8; Self::BYTES] {
        let milliseconds = |it: Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
        let (boot, uptime) = self.boot.unwrap_or_default();
        let mut bytes = [0; Self::BYTES];
        bytes[..8].copy_from_slice(&milliseconds(self.left).to_be_bytes());
        bytes[8..16].copy_from_slice(&milliseconds(self.wall).to_be_bytes());
        bytes[16..32].copy_from_slice(&boot);
        bytes[32..].copy_from_slice(&milliseconds(uptime).to_be_bytes());
        bytes
    }

    /// What [`bytes`](Self::bytes) wrote, and what follows it.
    pub(super) fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (left, rest) = bytes.split_first_chunk()?;
        let (wall, rest) = rest.split_first_chunk()?;
        let (boot, rest) = rest.split_first_chunk::<16>()?;
        let (uptime, rest) = rest.split_first_chunk()?;
        let milliseconds = |bytes: &[u8; 8]| Duration::from_millis(u64::from_be_bytes(*bytes));
        // No hash is all zeros.
        let has_boot = *boot != [0; 16];
        let times = Self {
            left: milliseconds(left),
            wall: milliseconds(wall),
            boot: has_boot.then(|| (*boot, milliseconds(uptime))),
        };
        Some((times, rest))
    }
}

fn hash(boot: &BootClock) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest(&SHA256, boot.boot.as_bytes()).as_ref()[..16]);
    hash
}

/// Asks what is left at a moment of the same boot, and at one of another.
#[cfg(fuzzing)]
pub(super) fn fuzz(times: &Times) {
    let wall = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let boot = BootClock {
        boot: "fuzzed".to_owned(),
        uptime: Duration::from_secs(86_400),
    };
    let same = Times {
        boot: times.boot.map(|(_, uptime)| (hash(&boot), uptime)),
        ..times.clone()
    };
    let now = Now {
        wall,
        boot: Some(boot),
    };
    for times in [times, &same] {
        let left = times.left(&now);
        assert!(left.is_none_or(|left| !left.is_zero() && left <= SessionEntry::MAX_LEFT));
    }
}

#[cfg(test)]
mod tests;
