//! What an error answer of a token endpoint means, and what to do about it.

use crate::error::{Error, ErrorKind, Stage};
use crate::google::api_error::ApiError;
use crate::google::token_endpoint::{Grant, MAX_SKEW};
use crate::redact::said;
use crate::transport::{Response, Skew};
use serde::Deserialize;
use std::time::SystemTime;

/// `{"error": …, "error_description": …}`
/// ([RFC 6749, 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Codes that mean a failure of the server, whatever the HTTP status.
const TRANSIENT: [&str; 3] = [
    "internal_failure",
    "server_error",
    "temporarily_unavailable",
];

pub(super) fn error(response: &Response, (grant, who): (Grant, &str)) -> Error {
    let Ok(refusal) = serde_json::from_slice::<Refusal>(response.body()) else {
        return other(response);
    };
    let Refusal {
        error: code,
        error_description: description,
    } = &refusal;
    let kind = match response.error_kind() {
        ErrorKind::Configuration if TRANSIENT.contains(&code.as_str()) => ErrorKind::Unavailable,
        kind => kind,
    };
    let message = format!(
        "HTTP {} {}: {} (account {who})",
        response.status,
        said(code),
        said(description)
    );
    let error = response
        .refusal_of_kind(Stage::TokenEndpoint, kind, message)
        .with_code(Some(code), None);
    match refusal.hint(grant, response) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Google's STS answers in the form of Google's other APIs when the project hasn't enabled it.
fn other(response: &Response) -> Error {
    let error = |what| response.refusal(Stage::TokenEndpoint, what);
    let Some(status) = ApiError::of(response) else {
        return error(response.describe());
    };
    let (code, message) = (said(&status.status), said(&status.message));
    let error = error(format!("HTTP {} {code}: {message}", response.status))
        .with_code(Some(&status.status), None);
    match status.enable_command("sts.googleapis.com") {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// The server's time, when it refuses the assertion's and the difference is small enough to
/// correct.
pub(super) fn server_time(response: &Response) -> Option<(SystemTime, Skew)> {
    let skew = response
        .received
        .skew()
        .filter(|skew| skew.by <= MAX_SKEW)?;
    let refusal: Refusal = serde_json::from_slice(response.body()).ok()?;
    let time = response.received.date?;
    (!response.is_success() && refusal.is_for_time()).then_some((time, skew))
}

impl Refusal {
    /// Whether the assertion's time is refused.
    fn is_for_time(&self) -> bool {
        let mut words = self
            .error_description
            .split(|c: char| !c.is_ascii_alphanumeric());
        self.error == "invalid_grant" && words.any(|word| matches!(word, "timeframe" | "iat"))
    }

    fn hint(&self, grant: Grant, response: &Response) -> Option<String> {
        match (self.error.as_str(), grant) {
            ("invalid_grant", _) => Some(self.grant_hint(grant, response.received.skew())),
            ("invalid_scope", Grant::Assertion) => Some(
                "Google doesn't issue a token for this audience (or scope): check the audience, which \
                 must not be empty"
                    .to_owned(),
            ),
            ("invalid_scope", Grant::SubjectToken) => Some(
                "Google's STS refuses the scope: does the pool's provider allow cloud-platform?"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    fn grant_hint(&self, grant: Grant, skew: Option<Skew>) -> String {
        let description = &self.error_description;
        match (grant, skew) {
            (Grant::RefreshToken, _) => {
                "the login expired or was revoked: run `gcloud auth application-default login`"
                    .to_owned()
            }
            (Grant::SubjectToken, _) => {
                "the subject token was refused: has it expired, and does the pool's provider \
                 accept its issuer and audience?"
                    .to_owned()
            }
            (Grant::Assertion, Some(skew)) if self.is_for_time() => {
                format!("{skew}: set it right")
            }
            (Grant::Assertion, None) if self.is_for_time() => {
                "the assertion's time is refused although this machine's clock agrees with the \
                 server's"
                    .to_owned()
            }
            _ if description.contains("Signature") => {
                "the key was deleted or belongs to another account: compare private_key_id with \
                 `gcloud iam service-accounts keys list --iam-account=…`"
                    .to_owned()
            }
            _ if description.contains("account not found") => {
                "the service account was deleted or disabled, or its e-mail is misspelt".to_owned()
            }
            (Grant::Assertion, Some(skew)) => {
                format!("check the account and the key; and {skew}")
            }
            (Grant::Assertion, None) => {
                "check the account, the key and this machine's clock".to_owned()
            }
        }
    }
}
