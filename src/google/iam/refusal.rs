//! What an error answer of IAM means, and what to do about it.

use crate::error::{Error, Stage};
use crate::names::ServiceAccountEmail;
use crate::redact::said;
use crate::transport::Response;
use serde::Deserialize;

/// `{"error": {"code", "message", "status"}}`
/// ([errors of Google's APIs](https://cloud.google.com/apis/design/errors#http_mapping)).
#[derive(Deserialize)]
struct Refusal {
    error: Status,
}

#[derive(Deserialize)]
pub(crate) struct Status {
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) status: String,
}

impl Status {
    /// Reads the body of an error answer.
    pub(crate) fn of(response: &Response) -> Option<Self> {
        let refusal: Refusal = serde_json::from_slice(response.body()).ok()?;
        Some(refusal.error)
    }

    /// The command that enables an API, when the message says that the project hasn't: "IAM Service
    /// Account Credentials API has not been used in project 123 before or it is disabled."
    pub(crate) fn enable_command(&self, api: &str) -> Option<String> {
        let (_, rest) = self
            .message
            .split_once(" API has not been used in project ")?;
        let is_id = |c: char| c.is_ascii_alphanumeric() || "-.:".contains(c);
        let project: String = rest.chars().take_while(|c| is_id(*c)).take(60).collect();
        (!project.is_empty()).then(|| {
            format!(
                "the API is off in project {project}: run `gcloud services enable {api} \
                 --project={project}`; it takes some minutes to work"
            )
        })
    }

    /// The account that doesn't exist: "Not found; Gaia id not found for email X".
    fn missing_account(&self) -> Option<ServiceAccountEmail> {
        let (_, rest) = self.message.split_once("not found for email ")?;
        let email = rest.split_whitespace().next()?;
        email.trim_end_matches(['.', ',', '"']).parse().ok()
    }
}

pub(super) fn error(response: &Response, account: &ServiceAccountEmail, method: &str) -> Error {
    let status = Status::of(response);
    let what = match &status {
        Some(Status { message, status }) => format!(
            "{method} as {account}: HTTP {} {}: {}",
            response.status,
            said(status),
            said(message)
        ),
        None => format!("{method} as {account}: {}", response.describe()),
    };
    let code = status.as_ref().map(|it| it.status.as_str());
    let error = response.refusal(Stage::Iam, what).with_code(code, None);
    match hint(response, status.as_ref(), account, method) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn hint(
    response: &Response,
    status: Option<&Status>,
    account: &ServiceAccountEmail,
    method: &str,
) -> Option<String> {
    let role = match method {
        "generateIdToken" => "roles/iam.serviceAccountOpenIdTokenCreator",
        _ => "roles/iam.serviceAccountTokenCreator",
    };
    let enable = status.and_then(|it| it.enable_command("iamcredentials.googleapis.com"));
    match response.status {
        403 => Some(enable.unwrap_or_else(|| {
            format!(
                "the caller needs {role} on {account}, also when it is that account itself, and \
                 delegates roles/iam.serviceAccountTokenCreator on the next; the API \
                 iamcredentials.googleapis.com must be enabled, and a virtual machine have the scope \
                 cloud-platform"
            )
        })),
        401 => Some(
            "the access token was refused: is it one of Google's, with the scope cloud-platform?"
                .to_owned(),
        ),
        404 => {
            let missing = status.and_then(Status::missing_account);
            let missing = missing.as_ref().unwrap_or(account);
            Some(format!(
                "there is no service account {missing}: was it deleted, or is its e-mail misspelt?"
            ))
        }
        // The times of an assertion are its part that is wrong most often.
        400 if method == "signJwt" => {
            let skew = response.received.skew()?;
            Some(format!("{skew}: set it right"))
        }
        _ => None,
    }
}
