//! A service-account key as Google's console and gcloud write it.

use crate::build_error::BuildError;
use crate::google::token_endpoint;
use crate::names::ServiceAccountEmail;
use crate::redact::{SecretText, json_place, pem_label, shown};
use crate::transport::Endpoint;
use aws_lc_rs::signature::RsaKeyPair;
use jsonwebtoken::EncodingKey;
use serde::Deserialize;

#[derive(Deserialize)]
struct Fields {
    r#type: Option<String>,
    client_email: Option<String>,
    private_key_id: Option<String>,
    private_key: Option<SecretText>,
    token_uri: Option<String>,
    universe_domain: Option<String>,
}

/// The parts of a key file, parsed.
pub(super) struct KeyFile {
    pub(super) email: ServiceAccountEmail,
    pub(super) key_id: Option<String>,
    pub(super) key: RsaKeyPair,
    pub(super) token_uri: String,
}

impl KeyFile {
    /// `name` names the file in messages.
    pub(super) fn parse(name: &str, json: &[u8]) -> Result<Self, BuildError> {
        let wrong = |message: String| BuildError::new(name, message);
        let fields: Fields = serde_json::from_slice(json).map_err(|error| {
            let place = json_place(&error);
            wrong(format!(
                "is not the JSON of a service-account key ({place})"
            ))
        })?;
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
        let token_uri = fields
            .token_uri
            .unwrap_or_else(|| token_endpoint::DEFAULT.to_owned());
        Endpoint::secure(name, &token_uri)
            .map_err(|error| wrong(format!("its token_uri: {error}")))?;
        let key = fields.private_key.ok_or_else(|| missing("private_key"))?;
        let key =
            rsa_key(key.0.expose()).map_err(|rule| wrong(format!("its private_key {rule}")))?;
        Ok(Self {
            email,
            key_id: fields.private_key_id,
            key,
            token_uri,
        })
    }
}

/// Of other universes neither tokens nor endpoints are Google's own.
///
/// # Errors
/// For one of them, which a file names.
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
            "is a PEM of {label:?}, but not of an RSA key that can be read (damaged, an EC key, or one of less than 2048 bits?); {EXPECTED}"
        )
    };
    // `EncodingKey` reads the PEM and knows both forms; it would read the DER anew for each signature.
    let key = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| unreadable())?;
    RsaKeyPair::from_der(key.as_bytes())
        .or_else(|_| RsaKeyPair::from_pkcs8(key.as_bytes()))
        .map_err(|_| unreadable())
}

#[cfg(test)]
mod tests;
