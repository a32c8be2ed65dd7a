//! The content of a session's file.
//!
//! `AGWF`, version 1, a SHA-256 over the key and everything after it, the times, the entry.

use super::times::Times;
use crate::cache::key::CHECKSUM;
use crate::cache::{CacheKey, SessionEntry};
use zeroize::Zeroizing;

const MAGIC: &[u8; 5] = b"AGWF\x01";

/// A parsed file.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) times: Times,
    pub(super) entry: &'a [u8],
}

impl<'a> Record<'a> {
    /// No file of a session is longer.
    pub(super) const MAX_BYTES: usize =
        MAGIC.len() + CHECKSUM + Times::BYTES + SessionEntry::MAX_BYTES;
    /// The times end here.
    pub(super) const HEAD: usize = MAGIC.len() + CHECKSUM + Times::BYTES;

    /// `None` for a file that is damaged, of another version, or of another key.
    pub(super) fn parse(bytes: &'a [u8], key: &CacheKey) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (expected, rest) = rest.split_first_chunk::<CHECKSUM>()?;
        let (times, entry) = Times::parse(rest)?;
        (key.checksum(rest) == *expected).then_some(Self { times, entry })
    }

    /// The times in the head of a file.
    pub(super) fn times(head: &[u8]) -> Option<Times> {
        let (_, rest) = head.strip_prefix(MAGIC)?.split_first_chunk::<CHECKSUM>()?;
        Some(Times::parse(rest)?.0)
    }

    /// What [`parse`](Self::parse) reads.
    pub(super) fn bytes(times: &Times, entry: &[u8], key: &CacheKey) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::HEAD + entry.len()));
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&[0; CHECKSUM]);
        bytes.extend_from_slice(&times.bytes());
        bytes.extend_from_slice(entry);
        let checksum = key.checksum(&bytes[MAGIC.len() + CHECKSUM..]);
        bytes[MAGIC.len()..][..CHECKSUM].copy_from_slice(&checksum);
        bytes
    }
}

/// Reads a file with any bytes after a checksum that is right.
#[cfg(fuzzing)]
pub(super) fn fuzz(rest: &[u8], key: &CacheKey) {
    let bytes = [&MAGIC[..], &key.checksum(rest), rest].concat();
    let Some(read) = Record::parse(&bytes, key) else {
        return;
    };
    super::times::fuzz(&read.times);
    let again = Record::bytes(&read.times, read.entry, key);
    let again = Record::parse(&again, key).expect("it was just written");
    assert_eq!((again.times, again.entry), (read.times, read.entry));
}
