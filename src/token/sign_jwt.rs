//! Signing an assertion as a service account.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::redact::Secret;
use crate::token::{Assertion, future};
use std::fmt::Debug;
use std::sync::Arc;

/// Signs a claim set as a service account.
///
/// [`JwtBearer`](crate::JwtBearer) turns it into a [`ProvideIdToken`](crate::ProvideIdToken).
/// Implement it for a key in a KMS, an HSM or Vault; `examples/custom_signer.rs` shows how. The
/// provider's `Debug` includes its `Debug`, which must hide secrets.
pub trait SignJwt: Debug + Send + Sync {
    /// The service account that this signs as: [`ready`](future::Issuer::ready) when it is known,
    /// one call for an attached account.
    fn issuer<'a>(&'a self, cx: &'a Context) -> future::Issuer<'a>;

    /// Signs `assertion.claims_json()` with RS256.
    fn sign_jwt<'a>(&'a self, cx: &'a Context, assertion: &'a Assertion) -> future::SignJwt<'a>;

    /// The token endpoint that the signer's key names, which is the assertion's `aud` as well.
    /// [`JwtBearer::new`](crate::JwtBearer::new) reads it once;
    /// [`JwtBearer::token_uri`](crate::JwtBearer::token_uri) wins over it.
    fn token_uri(&self) -> Option<&str> {
        None
    }

    /// Reports what is wrong with the setup of the signer; `build` calls it.
    ///
    /// # Errors
    /// Every problem that shows without I/O beyond local files.
    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let _ = cx;
        Ok(())
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: SignJwt + ?Sized> SignJwt for $pointer {
            fn issuer<'a>(&'a self, cx: &'a Context) -> future::Issuer<'a> {
                (**self).issuer(cx)
            }

            fn sign_jwt<'a>(
                &'a self,
                cx: &'a Context,
                assertion: &'a Assertion,
            ) -> future::SignJwt<'a> {
                (**self).sign_jwt(cx, assertion)
            }

            fn token_uri(&self) -> Option<&str> {
                (**self).token_uri()
            }

            fn check(&self, cx: &Context) -> Result<(), BuildError> {
                (**self).check(cx)
            }
        }
    )*};
}
forward!(Arc<T>, Box<T>);

/// An assertion with its signature, in compact form. `Debug` redacts it: until it expires it can be
/// exchanged for an ID token.
#[derive(Clone, Debug)]
pub struct SignedJwt(Secret);

impl SignedJwt {
    /// Takes the JWT in compact form: header, claims and signature, base64url, joined by dots.
    pub fn new(compact: impl Into<String>) -> Self {
        Self(Secret::new(compact))
    }

    pub(crate) fn of(secret: Secret) -> Self {
        Self(secret)
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}
