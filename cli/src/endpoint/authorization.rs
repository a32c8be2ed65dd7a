//! The authorization token.

use crate::private::random_hex;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::{HeaderMap, header};
use std::io;

const BYTES: usize = 32;

/// The token that clients send as `Authorization`: 32 random bytes in hexadecimal. It has no
/// `Debug`, so that it reaches no log.
#[derive(Clone)]
pub(crate) struct Authorization(String);

impl Authorization {
    pub(crate) fn random() -> io::Result<Self> {
        Ok(Self(random_hex(BYTES)?))
    }

    /// The content of the token file. It has no newline: SDKs take one for part of the token.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the request carries the token, exactly once.
    pub(super) fn admits(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        // In constant time, so that the time of a refusal says nothing about the token.
        verify_slices_are_equal(value.as_bytes(), self.0.as_bytes()).is_ok()
    }
}
