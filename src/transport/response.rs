//! An answer, as its readers see it.

use crate::error::{Error, ErrorKind, Stage};
use crate::redact::{body_summary, shown};
use crate::transport::received::Received;
use crate::transport::retry_after::retry_after;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::fmt;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// An answer, whatever its status. `Debug` shows the status only.
pub(crate) struct Response {
    origin: String,
    pub(crate) status: u16,
    pub(crate) received: Received,
    flavor: Option<String>,
    retry_after: Option<Duration>,
    retry_after_text: Option<String>,
    content_type: Option<String>,
    body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Response {
    pub(crate) fn new(origin: String, response: &HttpResponse, at: SystemTime) -> Self {
        let header = |name: &str| response.headers().get(name).map(str::to_owned);
        Self {
            origin,
            status: response.status().as_u16(),
            received: Received::new(at, response.headers().get("date")),
            flavor: header("metadata-flavor"),
            retry_after: retry_after(response.headers(), Some(at)),
            retry_after_text: header("retry-after"),
            content_type: header("content-type"),
            body: Zeroizing::new(response.body().bytes().unwrap_or_default().to_vec()),
        }
    }

    /// Removes from a refusal every part of a secret that was sent.
    pub(crate) fn blank_out(&mut self, secret: &str) {
        if !self.is_success() {
            crate::redact::blank_out(&mut self.body, secret.as_bytes());
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the same request may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(
            self.error_kind(),
            ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable
        )
    }

    pub(crate) fn flavor(&self) -> Option<&str> {
        self.flavor.as_deref()
    }

    /// Adds who answered to an error about the answer's content.
    pub(crate) fn blame(&self, error: Error) -> Error {
        error.with_detail("answered by", &self.origin)
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text, if it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// Describes the answer without its body, which may hold a token.
    pub(crate) fn describe(&self) -> String {
        let retry_after = match &self.retry_after_text {
            Some(after) => format!(", Retry-After {}", shown(after)),
            None => String::new(),
        };
        format!(
            "HTTP {} with {}{retry_after} from {}",
            self.status,
            body_summary(&self.body, self.content_type.as_deref()),
            self.origin
        )
    }

    /// The error of a refusal, of the kind that its status means.
    pub(crate) fn refusal(&self, stage: Stage, message: impl Into<String>) -> Error {
        self.refusal_of_kind(stage, self.error_kind(), message)
    }

    /// The error of a refusal that says more than its status.
    pub(crate) fn refusal_of_kind(
        &self,
        stage: Stage,
        kind: ErrorKind,
        message: impl Into<String>,
    ) -> Error {
        Error::from_message(stage, kind, message).with_retry_after(self.retry_after)
    }

    /// The kind of error that the status means, if the body says no more.
    pub(crate) fn error_kind(&self) -> ErrorKind {
        kind_of_status(self.status)
    }
}

/// What a status means, from Google's servers and from STS.
pub(crate) fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        ..=399 => ErrorKind::MalformedResponse,
        401 | 403 => ErrorKind::Denied,
        408 | 504 => ErrorKind::Timeout,
        429 => ErrorKind::Throttled,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Configuration,
    }
}
