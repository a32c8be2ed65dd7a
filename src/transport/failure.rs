//! Errors of requests that got no answer.

use super::last_answer::LastAnswer;
use super::plugins::is_over_limit;
use super::response::kind_of_status;
use super::roots::NoRoots;
use crate::error::{Error, ErrorKind, Stage};
use crate::redact::causes;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use rustls::CertificateError;

/// The causes as text: an `SdkError` holds the answer and prints it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Causes(String);

/// Converts the SDK's error. Only the texts of its causes are kept. `call` names the method and the
/// endpoint.
pub(crate) fn transport_error<E: std::error::Error + 'static>(
    stage: Stage,
    call: &str,
    error: &SdkError<E, HttpResponse>,
    last_answer: &LastAnswer,
) -> Error {
    let message = |kind, what: &str| Error::from_message(stage, kind, format!("{call}: {what}"));
    let error_of_ours = match error {
        SdkError::TimeoutError(_) => match last_answer.get().filter(|it| it.status >= 400) {
            Some(answered) => message(
                kind_of_status(answered.status),
                &format!("HTTP {}, then no answer in time", answered.status),
            )
            .with_retry_after(answered.retry_after),
            // The kind says it.
            None => Error::from_message(stage, ErrorKind::Timeout, call),
        },
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            message(ErrorKind::Timeout, "no connection")
        }
        SdkError::DispatchFailure(_) if has_no_roots(error) => {
            message(ErrorKind::Configuration, "there is no root certificate")
                .with_hint(INSTALL_ROOTS)
        }
        SdkError::DispatchFailure(failure) => match certificate_error(error) {
            Some(rejected) => untrusted(stage, call, rejected),
            None if is_connection_lost(error) || !failure.is_user() => {
                message(ErrorKind::Unavailable, "no connection, or it broke")
            }
            None => message(ErrorKind::Configuration, "the request can't be sent"),
        },
        SdkError::ResponseError(_) if is_over_limit(error) => message(
            ErrorKind::MalformedResponse,
            "the answer is larger than 64 KiB",
        ),
        SdkError::ResponseError(_) => message(ErrorKind::Unavailable, "the answer broke off"),
        _ => message(ErrorKind::Configuration, "the request could not be made"),
    };
    error_of_ours.with_source(Causes(causes(error)))
}

const INSTALL_ROOTS: &str = "install ca-certificates, or name the authority's certificate in SSL_CERT_FILE, SSL_CERT_DIR or \
     AWS_CA_BUNDLE; a proxy that inspects TLS has an authority of its own";

fn has_no_roots(error: &(dyn std::error::Error + 'static)) -> bool {
    chain(error).any(|error| error.is::<NoRoots>())
}

fn untrusted(stage: Stage, call: &str, rejected: &CertificateError) -> Error {
    let (what, hint) = match rejected {
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "the server's certificate is for another name",
            "does the endpoint name the right host, and do DNS and proxy lead to it?",
        ),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => (
            "the server's certificate has expired or is not valid yet",
            "is this machine's clock right?",
        ),
        _ => ("the server's certificate is not trusted", INSTALL_ROOTS),
    };
    let message = format!("{call}: {what}");
    Error::from_message(stage, ErrorKind::Configuration, message).with_hint(hint)
}

/// Why TLS rejected the server's certificate, if it did.
pub(super) fn certificate_error<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a CertificateError> {
    chain(error).find_map(|error| match error.downcast_ref()? {
        rustls::Error::InvalidCertificate(rejected) => Some(rejected),
        _ => None,
    })
}

/// Whether a pooled connection died with the runtime that opened it. hyper calls that a user error,
/// but a new connection works. Our own client pools no connections; a user's may.
pub(super) fn is_connection_lost(error: &(dyn std::error::Error + 'static)) -> bool {
    chain(error).any(|error| error.to_string().contains("dispatch task is gone"))
}

/// An error and its causes. `io::Error::source` skips the error that it wraps.
fn chain<'a>(
    error: &'a (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<std::io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => error.source(),
        }
    })
}
