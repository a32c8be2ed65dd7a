//! What a cache stores: bytes that only this crate reads, and what is left of their life.

use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// The first bytes of a sealed entry.
pub(super) const SEALED: &[u8; 4] = b"AGWS";

/// A stored session: bytes that only this crate reads, and what is left of their life.
///
/// Unless it [is sealed](Self::is_sealed) it holds the keys of the session in clear. The memory is
/// overwritten when it is dropped; `Debug` shows only the length.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionEntry {
    bytes: Zeroizing<Vec<u8>>,
    left: Duration,
}

impl SessionEntry {
    /// No entry is longer. A store refuses longer ones, so that a foreign value under one of its
    /// keys costs little.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// No session lives longer than 12 hours, STS's own maximum. A store that is told more, by a
    /// foreign writer or a damaged file, treats the entry as absent.
    pub const MAX_LEFT: Duration = Duration::from_secs(43_200);

    /// Makes it from bytes that a store kept, and what the store says is left of their life. The
    /// provider checks the bytes, not this.
    pub fn new(bytes: impl Into<Vec<u8>>, left: Duration) -> Self {
        Self {
            bytes: Zeroizing::new(bytes.into()),
            left,
        }
    }

    /// The bytes, a secret unless they are sealed.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// What is left of its life: when it was loaded, or from when it is stored.
    pub fn left(&self) -> Duration {
        self.left
    }

    /// Whether the bytes begin as a sealed entry does.
    pub fn is_sealed(&self) -> bool {
        self.bytes.starts_with(SEALED)
    }
}

impl fmt::Debug for SessionEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEntry")
            .field("bytes", &format_args!("** {} bytes **", self.bytes.len()))
            .field("left", &self.left)
            .field("is_sealed", &self.is_sealed())
            .finish()
    }
}
