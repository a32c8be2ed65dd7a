//! Signing and parsing of compact JWS (RFC 7515).
//!
//! No library does this job: some clients pad their segments or leave out `kid`, and both must
//! verify.

use super::keys::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::io;

/// Signs exactly these claims, with RS256.
pub(crate) fn sign(key: &SigningKey, claims: &Value) -> io::Result<String> {
    let header = json!({"alg": "RS256", "kid": key.id(), "typ": "JWT"});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encode(&header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())?);
    Ok(format!("{message}.{signature}"))
}

/// A decoded JWT whose signature has not been verified yet.
pub(crate) struct Jwt<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    message: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    /// `None` unless there are three parts, and the first two are JSON objects.
    pub(crate) fn parse(compact: &'a str) -> Option<Self> {
        let (message, signature) = compact.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            message,
            signature: decode(signature)?,
        })
    }

    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// A NumericDate in whole seconds: RFC 7519, 2, allows a fraction, STS does not.
    pub(crate) fn seconds(&self, claim: &str) -> Option<i64> {
        self.claims.get(claim)?.as_i64()
    }

    pub(crate) fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    pub(crate) fn into_claims(self) -> Value {
        Value::Object(self.claims)
    }

    /// Whether one of `keys` made the signature.
    ///
    /// A `kid` selects the key. Without one every key is tried: the crate gcp_auth 0.12 sends no
    /// `kid`.
    pub(crate) fn is_signed_by<'k>(&self, keys: impl IntoIterator<Item = &'k SigningKey>) -> bool {
        let kid = self.header.get("kid").and_then(Value::as_str);
        self.header.get("alg").and_then(Value::as_str) == Some("RS256")
            && keys.into_iter().any(|key| {
                kid.is_none_or(|kid| kid == key.id())
                    && key.verifies(self.message.as_bytes(), &self.signature)
            })
    }
}

fn object(segment: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&decode(segment)?).ok()
}

/// Accepts `=` padding: gcp_auth 0.12 sends it, and signs it too.
fn decode(segment: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(segment.trim_end_matches('=')).ok()
}

#[cfg(test)]
mod tests {
    use super::super::keys::KeyUse;
    use super::*;
    use base64::engine::general_purpose::URL_SAFE;

    fn key(usage: KeyUse) -> std::sync::Arc<SigningKey> {
        SigningKey::shared(usage, 0).unwrap()
    }

    #[test]
    fn signed_claims_are_read_back() {
        let key = key(KeyUse::Google);
        let token = sign(&key, &json!({"sub": "1", "exp": 12, "iat": 12.9})).unwrap();
        let jwt = Jwt::parse(&token).unwrap();
        assert!(jwt.is_signed_by([&*key]));
        assert_eq!(jwt.text("sub"), Some("1"));
        assert_eq!(jwt.seconds("exp"), Some(12));
        // STS requires whole seconds: "an integer or a long integer".
        assert_eq!(jwt.seconds("iat"), None);
    }

    #[test]
    fn a_changed_claim_or_another_key_fails_verification() {
        let google = key(KeyUse::Google);
        let token = sign(&google, &json!({"sub": "1"})).unwrap();
        assert!(
            !Jwt::parse(&token)
                .unwrap()
                .is_signed_by([&*key(KeyUse::Foreign)])
        );
        let forged = URL_SAFE_NO_PAD.encode(r#"{"sub":"2"}"#);
        let parts: Vec<_> = token.split('.').collect();
        let forged = format!("{}.{forged}.{}", parts[0], parts[2]);
        assert!(!Jwt::parse(&forged).unwrap().is_signed_by([&*google]));
    }

    #[test]
    fn padded_segments_without_kid_verify() {
        let key = key(KeyUse::KeyFile);
        let message = format!(
            "{}.{}",
            URL_SAFE.encode(r#"{"alg":"RS256"}"#),
            URL_SAFE.encode(r#"{"iss":"robots"}"#)
        );
        assert!(message.contains('='));
        let signature = URL_SAFE.encode(key.sign(message.as_bytes()).unwrap());
        let token = format!("{message}.{signature}");
        let others = super::super::keys::SigningKey::shared(KeyUse::Managed, 0).unwrap();
        assert!(Jwt::parse(&token).unwrap().is_signed_by([&*others, &*key]));
    }

    #[test]
    fn only_rs256_verifies() {
        let none = format!(
            "{}.{}.",
            URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
            URL_SAFE_NO_PAD.encode("{}")
        );
        assert!(
            !Jwt::parse(&none)
                .unwrap()
                .is_signed_by([&*key(KeyUse::Google)])
        );
    }

    #[test]
    fn malformed_jwts_are_refused() {
        for text in [
            "",
            ".",
            "..",
            "a.b.c",
            "e30.e30",
            "e30.e30.*",
            "W10.e30.e30",
        ] {
            assert!(Jwt::parse(text).is_none(), "{text}");
        }
    }
}
