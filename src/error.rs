//! What goes wrong while credentials are fetched. What is wrong with a configuration is a
//! [`BuildError`](crate::BuildError).

use crate::redact::said;
use aws_credential_types::provider::error::CredentialsError;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

type BoxError = Box<dyn StdError + Send + Sync>;

/// The hop at which an [`Error`] happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Finding or asking the source of the Google ID token.
    Source,
    /// Signing the assertion.
    Sign,
    /// Google's token endpoint: exchanging an assertion for an ID token, a refresh token or a federated token for an access
    /// token.
    TokenEndpoint,
    /// Asking the metadata server.
    Metadata,
    /// Calling Google's IAM Credentials API.
    Iam,
    /// Calling AWS STS `AssumeRoleWithWebIdentity`.
    Sts,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Source => "the source of the Google ID token",
            Stage::Sign => "signing the assertion",
            Stage::TokenEndpoint => "Google's token endpoint",
            Stage::Metadata => "the metadata server",
            Stage::Iam => "the IAM Credentials API",
            Stage::Sts => "AWS STS",
        })
    }
}

/// The kind of an [`Error`], for programs that decide by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no Google identity here: another provider may be asked.
    NotConfigured,
    /// Something is set up wrongly; trying again doesn't help.
    Configuration,
    /// The server knows who asks and says no: a role, a permission or a trust policy is missing.
    Denied,
    /// The server answered with something that isn't an answer.
    MalformedResponse,
    /// The server asks to be called less often.
    Throttled,
    /// No answer in time.
    Timeout,
    /// The server can't be reached or is failing.
    Unavailable,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::NotConfigured => "not configured",
            ErrorKind::Configuration => "wrong configuration",
            ErrorKind::Denied => "denied",
            ErrorKind::MalformedResponse => "malformed response",
            ErrorKind::Throttled => "throttled",
            ErrorKind::Timeout => "no answer in time",
            ErrorKind::Unavailable => "unavailable",
        })
    }
}

/// Why no credentials could be had.
///
/// `Display` says at which hop, what happened and what to do about it, in one line; it doesn't
/// repeat [`source`](std::error::Error::source). It is cheap to clone, since every caller that
/// waits for the same exchange gets it. It never holds a token, an assertion or a key.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    stage: Stage,
    kind: ErrorKind,
    message: Option<String>,
    hint: Option<String>,
    deadline: Option<Duration>,
    retry_after: Option<Duration>,
    not_yet: bool,
    code: Option<String>,
    request_id: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// Makes an error, for a [`ProvideIdToken`](crate::ProvideIdToken) or a
    /// [`SignJwt`](crate::SignJwt) of your own.
    ///
    /// `source` must not hold a secret: it is shown to whoever prints the chain of sources.
    pub fn new(stage: Stage, kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        Self(Arc::new(Inner {
            stage,
            kind,
            message: None,
            hint: None,
            deadline: None,
            retry_after: None,
            not_yet: false,
            code: None,
            request_id: None,
            source: Some(Arc::from(source.into())),
        }))
    }

    pub(crate) fn message(stage: Stage, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            stage,
            kind,
            message: Some(message.into()),
            hint: None,
            deadline: None,
            retry_after: None,
            not_yet: false,
            code: None,
            request_id: None,
            source: None,
        }))
    }

    /// The deadline of the whole exchange passed.
    pub(crate) fn deadline(stage: Stage, message: impl Into<String>, after: Duration) -> Self {
        let mut error = Self::message(stage, ErrorKind::Timeout, message);
        Arc::make_mut(&mut error.0).deadline = Some(after);
        error
    }

    /// What is asked may be there in a moment: whoever waits should go on waiting. Only a source that will tire
    /// says so.
    pub(crate) fn not_yet(mut self) -> Self {
        Arc::make_mut(&mut self.0).not_yet = true;
        self
    }

    pub(crate) fn is_not_yet(&self) -> bool {
        self.0.not_yet
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).hint = Some(hint.into());
        self
    }

    /// Adds to what the user can do about it.
    pub(crate) fn and_hint(self, more: &str) -> Self {
        let hint = match &self.0.hint {
            Some(hint) => format!("{hint}; {more}"),
            None => more.to_owned(),
        };
        self.with_hint(hint)
    }

    /// Keeps what the server's support asks for.
    pub(crate) fn with_code(mut self, code: Option<&str>, request_id: Option<&str>) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.code = code.map(said);
        inner.request_id = request_id.map(said);
        self
    }

    pub(crate) fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::from(source.into()));
        self
    }

    /// Notes for how long the server asked to be left alone.
    pub(crate) fn with_retry_after(mut self, pause: Option<Duration>) -> Self {
        Arc::make_mut(&mut self.0).retry_after = pause;
        self
    }

    /// How long the server asked to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// At which hop it happened.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The server's own error code, such as `AccessDenied` or `invalid_grant`, if it sent one.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The id of the request at AWS, if it answered.
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            stage,
            kind,
            message,
            hint,
            ..
        } = &*self.0;
        write!(f, "{stage}: {kind}")?;
        if let Some(message) = message {
            write!(f, ": {message}")?;
        }
        if let Some(hint) = hint {
            write!(f, " ({hint})")?;
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
    /// Nothing configured lets a chain of providers go on; the rest stops it, as with the SDK's
    /// own providers.
    fn from(error: Error) -> Self {
        match (error.kind(), error.0.deadline) {
            (ErrorKind::NotConfigured, _) => CredentialsError::not_loaded(error),
            (ErrorKind::Configuration, _) => CredentialsError::invalid_configuration(error),
            (ErrorKind::Timeout, Some(deadline)) => CredentialsError::provider_timed_out(deadline),
            _ => CredentialsError::provider_error(error),
        }
    }
}
