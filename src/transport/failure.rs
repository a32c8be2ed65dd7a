//! Errors of requests that got no answer.

use super::plugins::is_over_limit;
use crate::error::{Error, ErrorKind, Stage};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

/// The causes as text: an `SdkError` holds the answer and prints it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Causes(String);

/// Converts the SDK's error. Only the texts of its causes are kept.
pub(crate) fn transport_error<E: std::error::Error + 'static>(
    stage: Stage,
    error: &SdkError<E, HttpResponse>,
) -> Error {
    let (kind, what) = match error {
        SdkError::TimeoutError(_) => (ErrorKind::Timeout, "no answer in time"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            (ErrorKind::Timeout, "no connection in time")
        }
        SdkError::DispatchFailure(_) => (ErrorKind::Unavailable, "no connection, or it broke"),
        SdkError::ResponseError(_) if is_over_limit(error) => (
            ErrorKind::MalformedResponse,
            "the answer is larger than 64 KiB",
        ),
        SdkError::ResponseError(_) => (ErrorKind::Unavailable, "the answer broke off"),
        _ => (ErrorKind::Configuration, "the request could not be made"),
    };
    Error::message(stage, kind, what).with_source(Causes(causes(error)))
}

/// The two innermost causes, which say what happened. The outer ones are the SDK's own.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let texts: Vec<String> = std::iter::successors(error.source(), |error| error.source())
        .map(ToString::to_string)
        .collect();
    let inner = texts.len().saturating_sub(2);
    texts[inner..].join(": ")
}
