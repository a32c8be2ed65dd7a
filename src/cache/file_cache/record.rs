//! The content of a session's file.
//!
//! `AGWF`, version 1, a SHA-256 over the key and everything after it, the times, the entry.

use super::times::Times;
use crate::cache::{CacheKey, SessionEntry};
use aws_lc_rs::digest::{Context as Digest, SHA256};
use zeroize::Zeroizing;

const MAGIC: &[u8; 5] = b"AGWF\x01";
const HASH: usize = 32;

/// A parsed file.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) times: Times,
    pub(super) entry: &'a [u8],
}

impl<'a> Record<'a> {
    /// No file of a session is longer.
    pub(super) const MAX_BYTES: usize = MAGIC.len() + HASH + Times::BYTES + SessionEntry::MAX_BYTES;
    /// The times end here.
    pub(super) const HEAD: usize = MAGIC.len() + HASH + Times::BYTES;

    /// `None` for a file that is damaged, of another version, or of another key.
    ///
    /// The hash is not secret: it finds what a crash or a disk did, not what somebody with access
    /// to the directory did.
    pub(super) fn parse(bytes: &'a [u8], key: &CacheKey) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (expected, rest) = rest.split_first_chunk::<HASH>()?;
        let (times, entry) = Times::parse(rest)?;
        (hash(key, rest) == *expected).then_some(Self { times, entry })
    }

    /// The times in the head of a file.
    pub(super) fn times(head: &[u8]) -> Option<Times> {
        let (_, rest) = head.strip_prefix(MAGIC)?.split_first_chunk::<HASH>()?;
        Some(Times::parse(rest)?.0)
    }

    /// What [`parse`](Self::parse) reads.
    pub(super) fn bytes(times: &Times, entry: &[u8], key: &CacheKey) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::HEAD + entry.len()));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[0; HASH]);
        bytes.extend_from_slice(&times.bytes());
        bytes.extend_from_slice(entry);
        let hash = hash(key, &bytes[MAGIC.len() + HASH..]);
        bytes[MAGIC.len()..][..HASH].copy_from_slice(&hash);
        bytes
    }
}

fn hash(key: &CacheKey, rest: &[u8]) -> [u8; HASH] {
    let mut digest = Digest::new(&SHA256);
    digest.update(key.as_bytes());
    digest.update(rest);
    let mut hash = [0; HASH];
    hash.copy_from_slice(digest.finish().as_ref());
    hash
}
