//! The claims that a service account signs.

use crate::names::ServiceAccountEmail;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `iat` is this much in the past, so that Google doesn't refuse the assertion of a slightly fast clock
/// as "issued in the future". Google's own Rust library does the same.
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
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn an_assertion_has_googles_claims_and_spans_an_hour() {
        let issuer: ServiceAccountEmail = "robot@demo.iam.gserviceaccount.com".parse().unwrap();
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_010);
        let endpoint = "https://oauth2.googleapis.com/token";
        let assertion = Assertion::new(
            issuer.clone(),
            endpoint,
            Asking::IdTokenFor("https://a"),
            now,
        );
        assert_eq!(
            serde_json::from_str::<Value>(assertion.claims_json()).unwrap(),
            json!({"iss": "robot@demo.iam.gserviceaccount.com", "aud": endpoint,
                   "iat": 1_700_000_000u64, "exp": 1_700_003_600u64, "target_audience": "https://a"})
        );
        let assertion = Assertion::new(issuer, endpoint, Asking::AccessTokenOf("s"), UNIX_EPOCH);
        let claims: Value = serde_json::from_str(assertion.claims_json()).unwrap();
        assert_eq!(
            (claims["iat"].as_u64(), claims["scope"].as_str()),
            (Some(0), Some("s"))
        );
        assert_eq!(claims.get("target_audience"), None);
    }
}
