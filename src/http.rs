//! One call to Google: the SDK's transport with our deadline, retries and body cap.

mod body;
mod endpoint;
mod guarded;
mod plugins;
mod proxy;
mod received;
mod response;

pub(crate) use body::{opaque, scrubbed, without};
pub(crate) use endpoint::{Endpoint, bare};
pub(crate) use guarded::{Guarded, Headers};
pub(crate) use plugins::{MAX_RETRY_AFTER, Retries};
pub(crate) use proxy::hint as proxy_hint;
pub(crate) use received::{Received, Skew};
pub(crate) use response::{Response, kind_of_status};

use crate::{Context, Error, ErrorKind, Stage};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use bytes::Bytes;
use guarded::WithHeaders;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// A request to one of Google's endpoints. It has no `Debug`: there are secrets in it.
pub(crate) struct Request {
    pub(crate) stage: Stage,
    /// For logs and traces, such as `signJwt`.
    pub(crate) operation: &'static str,
    pub(crate) endpoint: Endpoint,
    /// Appended to the endpoint's path, with the query.
    pub(crate) path: String,
    pub(crate) headers: Headers,
    /// Content type and bytes; a request without is a GET.
    pub(crate) body: Option<(&'static str, Zeroizing<Vec<u8>>)>,
    /// Without a proxy.
    pub(crate) direct: bool,
    /// One try, and no more than this; else the retries and timeouts of the context.
    pub(crate) only: Option<Duration>,
}

/// Sends the request and takes the answer, whatever its status.
///
/// # Errors
/// When there is no whole answer of at most 64 KiB within the timeouts of the context.
pub(crate) async fn send(cx: &Context, request: Request) -> Result<Response, Error> {
    let Request {
        stage,
        operation,
        endpoint,
        path,
        headers,
        body,
        direct,
        only,
    } = request;
    let (retries, timeouts) = match only {
        None => (cx.retries().clone(), cx.timeouts().clone()),
        Some(only) => {
            let timeout = TimeoutConfig::builder().operation_timeout(only);
            (RetryConfig::disabled(), timeout.build())
        }
    };
    let uri = endpoint.with(&path);
    let client = if direct { cx.direct() } else { cx.http() };
    let headers = Arc::new(headers);
    let time = cx.time();
    let origin = endpoint.origin();
    let result = Operation::builder()
        .service_name("Google")
        .operation_name(operation)
        .http_client(WithHeaders { client, headers })
        .endpoint_url(&endpoint.origin())
        .no_auth()
        .standard_retry(&retries)
        .retry_classifier(Retries::new())
        .timeout_config(timeouts)
        .sleep_impl(cx.sleep())
        .time_source(cx.time())
        .with_connection_poisoning()
        .runtime_plugin(plugins::opaque(cx.retry_partition()))
        .serializer(move |(): ()| http_request(&uri, body.as_ref()))
        .deserializer::<_, Infallible>(move |response: &HttpResponse| {
            Ok::<_, OrchestratorError<Infallible>>(Response::new(
                origin.clone(),
                response,
                time.now(),
            ))
        })
        .build()
        .invoke(())
        .await;
    let response = result.map_err(|error| {
        let whole = transport_error(stage, &error)
            .with_hint(format!("{operation} at {}", endpoint.origin()));
        match proxy_hint(cx, &error).filter(|_| !direct) {
            Some(hint) => whole.and_hint(&hint),
            None => whole,
        }
    })?;
    tracing::debug!(operation, endpoint = %endpoint.origin(), status = response.status, "answered");
    Ok(response)
}

fn http_request(
    uri: &str,
    body: Option<&(&'static str, Zeroizing<Vec<u8>>)>,
) -> Result<HttpRequest, BoxError> {
    let mut request = http::Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri(uri);
    let sdk_body = match body {
        Some((content_type, bytes)) => {
            request = request.header("content-type", *content_type);
            request = request.header("content-length", bytes.len());
            body::opaque(Bytes::copy_from_slice(bytes))
        }
        None => SdkBody::empty(),
    };
    Ok(request.body(sdk_body)?.try_into()?)
}

/// What happened on the way, as text: an `SdkError` holds the answer, and shows it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Transport(String);

/// Makes our error of the SDK's, of which only the texts of the causes are kept.
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
        SdkError::ResponseError(_) if plugins::is_over_limit(error) => (
            ErrorKind::MalformedResponse,
            "the answer is larger than 64 KiB",
        ),
        SdkError::ResponseError(_) => (ErrorKind::Unavailable, "the answer broke off"),
        _ => (ErrorKind::Configuration, "the request could not be made"),
    };
    Error::message(stage, kind, what).with_source(Transport(causes(error)))
}

/// The innermost two causes say what happened; the outer ones are the SDK's own wrapping.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let texts: Vec<String> = std::iter::successors(error.source(), |error| error.source())
        .map(ToString::to_string)
        .collect();
    let inner = texts.len().saturating_sub(2);
    texts[inner..].join(": ")
}
