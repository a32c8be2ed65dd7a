//! A service-account key as Google's console and gcloud write it.

use crate::build_error::BuildError;
use crate::file::json;
use crate::google::token_endpoint::{self, TokenEndpoint};
use crate::names::ServiceAccountEmail;
use crate::redact::{SecretText, pem_label, shown};
use aws_lc_rs::signature::RsaKeyPair;
use jsonwebtoken::EncodingKey;
use serde::Deserialize;
use zeroize::Zeroizing;

#[derive(Deserialize)]
struct Fields {
    #[serde(default, deserialize_with = "json::text")]
    r#type: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    client_email: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    private_key_id: Option<String>,
    #[serde(default, deserialize_with = "json::secret")]
    private_key: Option<SecretText>,
    #[serde(default, deserialize_with = "json::text")]
    token_uri: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    universe_domain: Option<String>,
}

/// The parts of a key file, parsed.
pub(super) struct KeyFile {
    pub(super) email: ServiceAccountEmail,
    pub(super) key_id: Option<String>,
    pub(super) key: RsaKeyPair,
    pub(super) endpoint: TokenEndpoint,
}

impl KeyFile {
    /// `name` names the file in messages.
    pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Self, BuildError> {
        let wrong = |message: String| BuildError::new(name, message);
        let fields: Fields = json::parse(name, "a service-account key", bytes)?;
        match fields.r#type.as_deref() {
            Some("service_account") => {}
            Some(other) => {
                return Err(wrong(format!(
                    "has the type {}; a key of type \"service_account\" is expected",
                    shown(other)
                )));
            }
            None => {
                return Err(wrong(
                    "has no \"type\"; \"service_account\" is expected".to_owned(),
                ));
            }
        }
        check_universe(fields.universe_domain.as_deref()).map_err(wrong)?;
        let missing = |field: &str| wrong(format!("has no {field:?}"));
        let email = fields.client_email.ok_or_else(|| missing("client_email"))?;
        let email = email
            .parse()
            .map_err(|error: BuildError| wrong(format!("its client_email: {error}")))?;
        let token_uri = fields.token_uri.as_deref();
        let endpoint =
            TokenEndpoint::parse("token_uri", token_uri.unwrap_or(token_endpoint::DEFAULT))
                .map_err(|error| wrong(format!("its {error}")))?;
        let key = fields.private_key.ok_or_else(|| missing("private_key"))?;
        let key =
            rsa_key(key.0.expose()).map_err(|rule| wrong(format!("its private_key {rule}")))?;
        Ok(Self {
            email,
            key_id: fields.private_key_id,
            key,
            endpoint,
        })
    }
}

/// Checks that a file belongs to Google's own universe: other universes have other endpoints, and
/// AWS doesn't trust their tokens.
///
/// # Errors
/// For every other universe.
pub(crate) fn check_universe(named: Option<&str>) -> Result<(), String> {
    const GOOGLES: &str = "googleapis.com";
    match named {
        None | Some(GOOGLES) => Ok(()),
        Some(other) => Err(format!(
            "belongs to the universe_domain {}; AWS trusts tokens of {GOOGLES} only",
            shown(other)
        )),
    }
}

fn rsa_key(pem: &str) -> Result<RsaKeyPair, String> {
    const EXPECTED: &str = "an RSA key in PEM, \"-----BEGIN PRIVATE KEY-----\" (PKCS#8) or \
        \"-----BEGIN RSA PRIVATE KEY-----\" (PKCS#1), is expected";
    // Environment files keep a newline as the two characters `\` and `n`.
    let pem = Zeroizing::new(pem.replace("\\r", "").replace("\\n", "\n"));
    let label = pem
        .split_once("-----BEGIN ")
        .and_then(|(_, rest)| rest.split_once("-----"))
        .map(|(label, _)| label);
    match label {
        Some("PRIVATE KEY" | "RSA PRIVATE KEY") => {}
        Some("ENCRYPTED PRIVATE KEY") => {
            return Err(format!("is encrypted with a pass phrase; {EXPECTED}"));
        }
        Some("EC PRIVATE KEY") => return Err(format!("is an EC key; {EXPECTED}")),
        // The label of a PEM that lost a dash reaches into the key.
        Some(label) if pem_label(label).is_some() => {
            return Err(format!("is a PEM of {}; {EXPECTED}", shown(label)));
        }
        _ => return Err(format!("is not PEM; {EXPECTED}")),
    }
    let Some(label) = label.filter(|label| pem.contains(&format!("-----END {label}-----"))) else {
        return Err(format!(
            "is a PEM that has no end: it was truncated; {EXPECTED}"
        ));
    };
    let unreadable = || {
        format!(
            "is a PEM of {label:?}, but not of an RSA key that can be read (damaged, an EC key, or one \
             of less than 2048 bits?); {EXPECTED}"
        )
    };
    // `EncodingKey` decodes both forms of PEM. It signs slowly, since it parses the DER for each
    // signature, so the key pair is kept instead.
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| unreadable())?;
    RsaKeyPair::from_der(key.as_bytes())
        .or_else(|_| RsaKeyPair::from_pkcs8(key.as_bytes()))
        .map_err(|_| unreadable())
}

#[cfg(test)]
mod tests;
