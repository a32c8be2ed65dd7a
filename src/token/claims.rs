//! What an ID token says.

use crate::redact::{said, shown};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

/// The claims of a Google ID token
/// ([Google's description](https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Claims {
    /// The issuer, `https://accounts.google.com`.
    pub iss: String,
    /// The service account's unique id, 21 digits.
    pub sub: String,
    /// The audience that was asked for.
    #[serde(deserialize_with = "one_audience")]
    pub aud: String,
    /// The authorized party: numeric or the account's e-mail, depending on the source of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azp: Option<String>,
    /// The account's e-mail, if the source includes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// When it expires, in seconds since 1970.
    #[serde(deserialize_with = "whole_seconds")]
    pub exp: u64,
    /// When it was issued, in seconds since 1970.
    #[serde(deserialize_with = "whole_seconds")]
    pub iat: u64,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Claims {
    /// Any other claim, such as `email_verified` or `google`.
    pub fn other(&self, name: &str) -> Option<&Value> {
        self.other.get(name)
    }

    /// Reads the second part of a JWT. The error says what is wrong, without the token.
    pub(super) fn of_jwt(jwt: &str) -> Result<Self, String> {
        const EXPECTED: &str = "a JWT of three base64url parts is expected";
        if jwt.is_empty() {
            return Err(format!("the answer is empty; {EXPECTED}"));
        }
        if jwt.starts_with('<') {
            return Err(format!(
                "the answer is HTML or XML, not an ID token; {EXPECTED}"
            ));
        }
        let parts: Vec<&str> = jwt.splitn(5, '.').collect();
        let &[header, payload, signature] = &parts[..] else {
            return Err(format!(
                "this isn't an ID token: {} dots; {EXPECTED}",
                parts.len() - 1
            ));
        };
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('='));
        if header.is_empty()
            || signature.is_empty()
            || decode(signature).is_err()
            || decode(header).is_err()
        {
            return Err(format!(
                "the ID token's header or signature isn't base64url; {EXPECTED}"
            ));
        }
        let payload = decode(payload)
            .map_err(|_| format!("the ID token's second part isn't base64url; {EXPECTED}"))?;
        serde_json::from_slice(&payload)
            .map_err(|error| format!("the ID token's claims: {}", said(&error.to_string())))
    }
}

fn whole_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    value.as_u64().ok_or_else(|| {
        de::Error::custom(format!(
            "a time is {}; whole seconds since 1970 are expected",
            shown(&value.to_string())
        ))
    })
}

fn one_audience<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(audience) => Ok(audience),
        Value::Array(mut many) if many.len() == 1 => match many.pop() {
            Some(Value::String(audience)) => Ok(audience),
            _ => Err(de::Error::custom("aud isn't a string")),
        },
        _ => Err(de::Error::custom("aud isn't one string")),
    }
}
