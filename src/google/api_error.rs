//! The error body that Google's APIs share
//! ([errors](https://cloud.google.com/apis/design/errors#http_mapping)).

use crate::redact::said;
use crate::transport::Response;
use serde::Deserialize;

/// `{"error": {"code", "message", "status"}}`
#[derive(Deserialize)]
struct Body {
    error: ApiError,
}

#[derive(Deserialize)]
pub(super) struct ApiError {
    #[serde(default)]
    pub(super) message: String,
    #[serde(default)]
    pub(super) status: String,
}

/// What to do about a 401.
pub(super) const TOKEN_REFUSED: &str =
    "the access token was refused: is it one of Google's, with the scope cloud-platform?";

impl ApiError {
    /// Reads the body of an error answer.
    pub(super) fn of(response: &Response) -> Option<Self> {
        let body: Body = serde_json::from_slice(response.body()).ok()?;
        Some(body.error)
    }

    /// The message about a call that failed: what the server said, or what its answer was.
    pub(super) fn describe(error: Option<&Self>, call: &str, response: &Response) -> String {
        match error {
            Some(Self { message, status }) => format!(
                "{call}: HTTP {} {}: {}",
                response.status,
                said(status),
                said(message)
            ),
            None => format!("{call}: {}", response.describe()),
        }
    }

    /// The command that enables an API, when the message says that the project hasn't: "IAM Service
    /// Account Credentials API has not been used in project 123 before or it is disabled."
    pub(super) fn enable_command(&self, api: &str) -> Option<String> {
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
}
