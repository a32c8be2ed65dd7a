//! AES-256-GCM with a random nonce.

use super::format::Header;
use crate::cache::CacheKey;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, RandomizedNonceKey};
use std::fmt;
use zeroize::Zeroizing;

/// A key that seals and opens. `Debug` shows nothing of it.
pub(in crate::cache) struct Cipher(RandomizedNonceKey);

impl Cipher {
    /// AWS-LC overwrites its own copy of the key when it is dropped.
    pub(in crate::cache) fn new(key: &[u8; 32]) -> Self {
        match RandomizedNonceKey::new(&AES_256_GCM, key) {
            Ok(key) => Self(key),
            Err(_) => unreachable!("AES-256-GCM takes every key of 32 bytes"),
        }
    }

    /// Header, nonce, ciphertext and tag. `None` if the system has no random bytes.
    pub(super) fn seal(&self, header: &Header, key: &CacheKey, plain: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = header.bytes()?;
        let additional = additional(&sealed, key);
        // It holds the clear text until it is encrypted in place.
        let mut body = Zeroizing::new(Vec::with_capacity(plain.len() + 16));
        body.extend_from_slice(plain);
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(additional), &mut *body)
            .ok()?;
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Some(sealed)
    }

    /// The clear text of what follows the header; `None` if it does not open.
    pub(super) fn open(&self, header: &Header, key: &CacheKey, body: &[u8]) -> Option<Vec<u8>> {
        let additional = additional(&header.bytes()?, key);
        let (nonce, body) = body.split_first_chunk::<NONCE_LEN>()?;
        let mut body = Zeroizing::new(body.to_vec());
        let plain = self
            .0
            .open_in_place(nonce.into(), Aad::from(additional), &mut body)
            .ok()?;
        Some(plain.to_vec())
    }
}

/// Has no ambiguity: a header says how long it is, and a key has 32 bytes.
fn additional(header: &[u8], key: &CacheKey) -> Vec<u8> {
    [header, key.as_bytes()].concat()
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher")
    }
}
