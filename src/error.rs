//! Errors of a running provider. A wrong configuration is a [`BuildError`](crate::BuildError).

mod kind;

use crate::redact::said;
use aws_credential_types::provider::error::CredentialsError;
pub use kind::{ErrorKind, Stage};
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

type BoxError = Box<dyn StdError + Send + Sync>;

/// A request id of at most this many bytes is part of the one line.
const SHORT_ID: usize = 40;

/// Why there are no credentials.
///
/// `{}` is one line for a log: the stage, what happened, the server's own code. `{:#}` is the full
/// explanation on several lines, for a person: that line, the [details](Self::details) as a table
/// and the [hint](Self::hint) with the next step. Neither repeats the
/// [`source`](std::error::Error::source), and none of them ever holds a token, an assertion or a
/// key.
///
/// Cheap to clone: every caller that waits for the same exchange gets a clone.
///
/// The AWS SDK wraps the error. It is in the chain of sources of the SDK's error:
///
/// ```
/// use aws_google_web_identity::Error;
///
/// /// The explanation, if the credentials are why a call of the SDK failed.
/// fn explain(error: &(dyn std::error::Error + 'static)) -> Option<String> {
///     std::iter::successors(Some(error), |error| error.source())
///         .find_map(|error| error.downcast_ref::<Error>())
///         .map(|error| format!("{error:#}"))
/// }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    stage: Stage,
    kind: ErrorKind,
    message: Option<String>,
    details: Vec<(String, String)>,
    hint: Option<String>,
    deadline: Option<Duration>,
    blames_token: bool,
    retry_after: Option<Duration>,
    code: Option<String>,
    request_id: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error, for a [`ProvideIdToken`](crate::ProvideIdToken) or a
    /// [`SignJwt`](crate::SignJwt) of your own.
    ///
    /// `source` must not hold a secret: programs print the chain of sources.
    pub fn new(stage: Stage, kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        Self::bare(stage, kind).with_source(source)
    }

    /// An error that this crate found by itself. `message` is one line and holds no secret.
    pub(crate) fn from_message(stage: Stage, kind: ErrorKind, message: impl Into<String>) -> Self {
        let mut error = Self::bare(stage, kind);
        error.inner().message = Some(message.into());
        error
    }

    /// The deadline of the whole exchange passed.
    pub(crate) fn deadline(stage: Stage, message: impl Into<String>, after: Duration) -> Self {
        let mut error = Self::from_message(stage, ErrorKind::Timeout, message);
        error.inner().deadline = Some(after);
        error
    }

    fn bare(stage: Stage, kind: ErrorKind) -> Self {
        Self(Arc::new(Inner {
            stage,
            kind,
            message: None,
            details: Vec::new(),
            hint: None,
            deadline: None,
            blames_token: false,
            retry_after: None,
            code: None,
            request_id: None,
            source: None,
        }))
    }

    fn inner(&mut self) -> &mut Inner {
        Arc::make_mut(&mut self.0)
    }

    /// The server refused the token itself, so that a fresh one may help.
    pub(crate) fn blaming_token(mut self) -> Self {
        self.inner().blames_token = true;
        self
    }

    pub(crate) fn blames_token(&self) -> bool {
        self.0.blames_token
    }

    /// Sets what the user can do about it. Several lines are fine.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.inner().hint = Some(hint.into());
        self
    }

    /// Adds a line to the hint.
    pub(crate) fn and_hint(self, more: &str) -> Self {
        let hint = match &self.0.hint {
            Some(hint) => format!("{hint}\n{more}"),
            None => more.to_owned(),
        };
        self.with_hint(hint)
    }

    /// Adds a row to the table of the full explanation. Any text will do: it is bounded and put on
    /// one line.
    pub(crate) fn with_detail(mut self, label: impl Into<String>, value: &str) -> Self {
        let detail = (label.into(), said(value));
        self.inner().details.push(detail);
        self
    }

    /// Keeps the server's code, and the id that its support asks for.
    pub(crate) fn with_code(mut self, code: Option<&str>, request_id: Option<&str>) -> Self {
        let inner = self.inner();
        inner.code = code.map(said);
        inner.request_id = request_id.map(said);
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.inner().source = Some(Arc::from(source.into()));
        self
    }

    /// Notes for how long the server asked to be left alone.
    pub(crate) fn with_retry_after(mut self, pause: Option<Duration>) -> Self {
        self.inner().retry_after = pause;
        self
    }

    /// How long the server asked to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The stage at which it happened.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What happened, without stage and kind. `None` when only the
    /// [`source`](std::error::Error::source) says it.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// The facts to compare with the setup, as labels and values, in the order of the explanation.
    ///
    /// A refusal of STS has the role and each condition key of the token, such as
    /// (`accounts.google.com:sub`, `"104029294839482934820"`). For a program that decides by the
    /// keys there is [`Claims::aws_condition_keys`](crate::Claims::aws_condition_keys).
    pub fn details(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        let details = self.0.details.iter();
        details.map(|(label, value)| (label.as_str(), value.as_str()))
    }

    /// What to do about it: the next step, with the command to run where there is one. It may have
    /// several lines.
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The server's own error code, such as `AccessDenied` or `invalid_grant`, if it sent one.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The id of the request at AWS, if AWS answered.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Whether the same call may succeed later although nothing is changed.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::Throttled | ErrorKind::Timeout | ErrorKind::Unavailable
        )
    }
}

impl fmt::Display for Error {
    /// `{}`: one line. `{:#}`: the full explanation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        write!(f, "{}: {}", inner.stage, inner.kind)?;
        if let Some(message) = &inner.message {
            write!(f, ": {message}")?;
        }
        let request_id = inner.request_id.as_deref();
        if let Some(id) = request_id.filter(|id| id.len() <= SHORT_ID) {
            write!(f, ", request id {id}")?;
        }
        if !f.alternate() {
            return Ok(());
        }
        let long_id = request_id.filter(|id| id.len() > SHORT_ID);
        let rows = self.details().chain(long_id.map(|id| ("request id", id)));
        let width = rows.clone().map(|(label, _)| label.chars().count()).max();
        let width = width.unwrap_or_default();
        for (label, value) in rows {
            write!(f, "\n  {label:width$}  {value}")?;
        }
        for (index, line) in inner.hint.iter().flat_map(|hint| hint.lines()).enumerate() {
            let lead = if index == 0 { "hint:" } else { "" };
            write!(f, "\n  {lead:5} {line}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("stage", &self.0.stage)
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("details", &self.0.details)
            .field("hint", &self.0.hint)
            .field("code", &self.0.code)
            .field("request_id", &self.0.request_id)
            .field("source", &self.0.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|source| &**source as &(dyn StdError + 'static))
    }
}

impl From<Error> for CredentialsError {
    /// `NotConfigured` lets a chain of providers go on. Every other kind stops it, as with the
    /// SDK's own providers.
    fn from(error: Error) -> Self {
        match (error.kind(), error.0.deadline) {
            (ErrorKind::NotConfigured, _) => CredentialsError::not_loaded(error),
            (ErrorKind::Configuration, _) => CredentialsError::invalid_configuration(error),
            (ErrorKind::Timeout, Some(deadline)) => CredentialsError::provider_timed_out(deadline),
            _ => CredentialsError::provider_error(error),
        }
    }
}

#[cfg(test)]
mod tests;
