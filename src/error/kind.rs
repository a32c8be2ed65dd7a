//! Where an error happened, and what kind of error it is.

use std::fmt;

/// The stage of the exchange at which an [`Error`](crate::Error) happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Finding or reading the source of the Google ID token.
    Source,
    /// Signing the assertion.
    Sign,
    /// Google's token endpoint: exchanging an assertion for an ID token, or an assertion, a refresh
    /// token or a federated token for an access token.
    TokenEndpoint,
    /// Calling the metadata server.
    Metadata,
    /// Calling Google's IAM Credentials API.
    Iam,
    /// Calling AWS STS `AssumeRoleWithWebIdentity`.
    Sts,
    /// Loading a session from a [`SessionCache`](crate::SessionCache), or storing it there. A
    /// provider only logs such errors, and makes the exchange as if there were no cache.
    Cache,
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
            Stage::Cache => "the session cache",
        })
    }
}

/// The kind of an [`Error`](crate::Error): what a program decides by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is no Google identity here. Another provider may have credentials.
    NotConfigured,
    /// The setup is wrong. A retry does not help.
    Configuration,
    /// The server knows the caller and refuses: a role, a permission or a trust policy is missing.
    Denied,
    /// The server sent something that is not a valid answer.
    MalformedResponse,
    /// The server asks for fewer calls.
    Throttled,
    /// No answer in time.
    Timeout,
    /// The server cannot be reached, or it fails.
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
