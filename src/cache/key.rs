//! The key of an entry: a hash of everything that makes a session what it is.

use crate::token::Identity;
use aws_lc_rs::digest::{Context as Digest, SHA256};
use std::fmt;

/// The length of [`CacheKey::checksum`].
pub(super) const CHECKSUM: usize = 32;

/// The key of a stored session: a SHA-256 over everything that makes the session what it is, the
/// identity included. It is no secret.
///
/// `Display` is 64 hexadecimal digits, which suit a file's name or a key of Redis.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CacheKey([u8; 32]);

impl CacheKey {
    /// Makes it from its bytes, for the tests of your own cache.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A SHA-256 over the key and what is stored under it. It finds what a crash or a disk damaged,
    /// or what was stored for another key. It is no secret: a foreign writer can make one, which
    /// [`Sealed`](crate::Sealed) has a key against.
    pub(super) fn checksum(&self, stored: &[u8]) -> [u8; CHECKSUM] {
        let mut digest = Digest::new(&SHA256);
        digest.update(&self.0);
        digest.update(stored);
        let mut checksum = [0; CHECKSUM];
        checksum.copy_from_slice(digest.finish().as_ref());
        checksum
    }
}

impl fmt::Display for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CacheKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheKey({self})")
    }
}

/// What a provider's keys have in common: everything but the identity.
///
/// Each field is hashed with its name and its length, so that no two sets of fields have the same
/// bytes. A field that is not set differs from an empty one.
#[derive(Clone)]
pub(crate) struct KeyBase(Digest);

impl KeyBase {
    pub(crate) fn new() -> Self {
        let mut digest = Digest::new(&SHA256);
        // The version of this composition. Entries of another one are never looked at.
        digest.update(b"aws-google-web-identity session cache key 1\0");
        Self(digest)
    }

    pub(crate) fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update(&(part.len() as u64).to_be_bytes());
            self.0.update(part);
        }
        self
    }

    /// The field, if it is set.
    pub(crate) fn optional(self, name: &str, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// The key of this identity's session.
    pub(crate) fn key(&self, identity: &Identity) -> CacheKey {
        let Self(digest) = self.clone().field("identity", identity.as_bytes());
        let mut key = [0; 32];
        key.copy_from_slice(digest.finish().as_ref());
        CacheKey(key)
    }
}

impl fmt::Debug for KeyBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBase")
    }
}
