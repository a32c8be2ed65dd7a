//! The claims that a service account signs.

use crate::names::ServiceAccountEmail;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `iat` is this much in the past, so that Google doesn't refuse the assertion of a slightly fast
/// clock as "issued in the future". Google's own Rust library does the same.
const ISSUED_BEFORE: Duration = Duration::from_secs(10);

/// Google accepts an assertion that spans at most an hour
/// ([OAuth 2.0 for service accounts](https://developers.google.com/identity/protocols/oauth2/service-account#authorizingrequests)).
const SPAN: Duration = Duration::from_secs(3600);

/// The claim set that a [`SignJwt`](crate::SignJwt) signs. It tells Google's token endpoint which
/// account asks for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    issuer: ServiceAccountEmail,
    claims_json: String,
}

/// What an assertion asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asking<'a> {
    IdTokenFor(&'a str),
    AccessTokenOf(&'a str),
}

impl Assertion {
    pub(crate) fn new(
        issuer: ServiceAccountEmail,
        token_uri: &str,
        asking: Asking<'_>,
        now: SystemTime,
    ) -> Self {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let iat = now.saturating_sub(ISSUED_BEFORE).as_secs();
        let mut claims = json!({
            "iss": issuer.as_str(),
            "aud": token_uri,
            "iat": iat,
            "exp": iat.saturating_add(SPAN.as_secs()),
        });
        match asking {
            Asking::IdTokenFor(audience) => claims["target_audience"] = audience.into(),
            Asking::AccessTokenOf(scope) => claims["scope"] = scope.into(),
        }
        Self {
            issuer,
            claims_json: claims.to_string(),
        }
    }

    /// The service account to sign as.
    pub fn issuer(&self) -> &ServiceAccountEmail {
        &self.issuer
    }

    /// The claims as JSON, to be signed byte for byte.
    pub fn claims_json(&self) -> &str {
        &self.claims_json
    }
}

#[cfg(test)]
mod tests;
