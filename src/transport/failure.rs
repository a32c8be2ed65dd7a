//! Why there is no answer.

use super::plugins::is_over_limit;
use crate::error::{Error, ErrorKind, Stage};
use crate::redact::causes;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;

/// What happened on the way, as text: an `SdkError` holds the answer, and shows it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Causes(String);

/// Makes our error of the SDK's, of which only the texts of the causes are kept. `call` names the method and the endpoint.
pub(crate) fn transport_error<E: std::error::Error + 'static>(
    stage: Stage,
    call: &str,
    error: &SdkError<E, HttpResponse>,
) -> Error {
    let (kind, what) = match error {
        SdkError::TimeoutError(_) => (ErrorKind::Timeout, None),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            (ErrorKind::Timeout, Some("no connection"))
        }
        SdkError::DispatchFailure(_) => {
            (ErrorKind::Unavailable, Some("no connection, or it broke"))
        }
        SdkError::ResponseError(_) if is_over_limit(error) => (
            ErrorKind::MalformedResponse,
            Some("the answer is larger than 64 KiB"),
        ),
        SdkError::ResponseError(_) => (ErrorKind::Unavailable, Some("the answer broke off")),
        _ => (
            ErrorKind::Configuration,
            Some("the request could not be made"),
        ),
    };
    let message = match what {
        Some(what) => format!("{call}: {what}"),
        None => call.to_owned(),
    };
    Error::from_message(stage, kind, message).with_source(Causes(causes(error)))
}
