//! The lease: which process makes the exchange for all.

use std::any::Any;
use std::fmt;
use std::time::Duration;

/// The right to make the exchange for one key: a token that the store compares, or a guard that
/// holds it until it is dropped.
pub struct Lease(Inner);

enum Inner {
    Token(Vec<u8>),
    Guard(#[allow(dead_code, reason = "it is there to be dropped")] Box<dyn Any + Send>),
}

impl Lease {
    /// How long a lease lasts at most: longer than the 15 s that an exchange may take.
    pub const LENGTH: Duration = Duration::from_secs(20);

    /// A lease that the store knows by its owner's token. The token is random, and the store gives
    /// a lease back only for the token that it was taken with.
    pub fn token(token: impl Into<Vec<u8>>) -> Self {
        Self(Inner::Token(token.into()))
    }

    /// A lease that lasts while `guard` is there, such as a locked file. Dropping the lease drops
    /// the guard, also when an exchange is cancelled.
    pub fn guard(guard: impl Any + Send) -> Self {
        Self(Inner::Guard(Box::new(guard)))
    }

    /// The owner's token; `None` when a guard holds the lease.
    pub fn owner(&self) -> Option<&[u8]> {
        match &self.0 {
            Inner::Token(token) => Some(token),
            Inner::Guard(_) => None,
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Inner::Token(_) => "Lease(token)",
            Inner::Guard(_) => "Lease(guard)",
        })
    }
}
