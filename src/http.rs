//! One call to Google: the SDK's transport with our deadline, retries and body cap.

mod body;
mod endpoint;
mod plugins;
mod proxy;

pub(crate) use body::scrubbed;
pub(crate) use endpoint::Endpoint;
pub(crate) use plugins::TooLargeIsFinal;
pub(crate) use proxy::hint as proxy_hint;

use crate::{Context, Error, ErrorKind, Stage};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::{DateTime, Format};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use bytes::Bytes;
use http_body_util::Full;
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// A request to one of Google's endpoints. `Debug` shows neither headers nor body.
pub(crate) struct Request {
    pub(crate) stage: Stage,
    /// For logs and traces, such as `signJwt`.
    pub(crate) operation: &'static str,
    pub(crate) endpoint: Endpoint,
    /// Appended to the endpoint's path, with the query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(Cow<'static, str>, Zeroizing<String>)>,
    /// Content type and bytes; a request without is a GET.
    pub(crate) body: Option<(&'static str, Zeroizing<Vec<u8>>)>,
    /// Without a proxy.
    pub(crate) direct: bool,
    /// One try, and no more than this; else the retries and timeouts of the context.
    pub(crate) only: Option<Duration>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("operation", &self.operation)
            .field("endpoint", &self.endpoint)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// When an answer arrived, by our clock and by the server's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) at: SystemTime,
    pub(crate) date: Option<SystemTime>,
}

/// A `Date` header has whole seconds, and the answer took a moment: up to this much the two
/// clocks count as equal.
const SAME_TIME: Duration = Duration::from_secs(2);

impl Received {
    pub(crate) fn new(at: SystemTime, date: Option<&str>) -> Self {
        let date = date
            .and_then(|date| DateTime::from_str(date, Format::HttpDate).ok())
            .and_then(|date| SystemTime::try_from(date).ok());
        Self { at, date }
    }

    /// How far the server's clock is ahead of ours, or behind, when that is more than the
    /// precision of its answer.
    pub(crate) fn skew(&self) -> Option<Skew> {
        let date = self.date?;
        let (ahead, by) = match date.duration_since(self.at) {
            Ok(by) => (true, by),
            Err(error) => (false, error.duration()),
        };
        (by > SAME_TIME).then_some(Skew {
            server_ahead: ahead,
            by,
        })
    }

    /// A time that the server named, by this machine's clock: when the two disagree, what counts
    /// is how much time is left by the server's, at most `span`.
    pub(crate) fn local_expiry(&self, expires_at: SystemTime, span: Duration) -> SystemTime {
        match (self.skew(), self.date) {
            (Some(_), Some(date)) => {
                let left = expires_at
                    .duration_since(date)
                    .unwrap_or_default()
                    .min(span);
                self.at.checked_add(left).unwrap_or(expires_at)
            }
            _ => expires_at,
        }
    }
}

/// How two clocks differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Skew {
    pub(crate) server_ahead: bool,
    pub(crate) by: Duration,
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.server_ahead {
            "behind"
        } else {
            "ahead of"
        };
        write!(
            f,
            "this machine's clock is {} s {direction} the server's",
            self.by.as_secs()
        )
    }
}

/// An answer, whatever its status. `Debug` shows the status only.
pub(crate) struct Response {
    origin: String,
    pub(crate) status: u16,
    pub(crate) received: Received,
    flavor: Option<String>,
    retry_after: Option<String>,
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
            retry_after: header("retry-after"),
            content_type: header("content-type"),
            body: Zeroizing::new(response.body().bytes().unwrap_or_default().to_vec()),
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn flavor(&self) -> Option<&str> {
        self.flavor.as_deref()
    }

    /// What is wrong with what the answer holds, and who gave it.
    pub(crate) fn blame(&self, error: Error) -> Error {
        error.and_hint(&format!("answered by {}", self.origin))
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text, if it is text.
    pub(crate) fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// What kind of body it is, without showing it: it may hold a token.
    pub(crate) fn describe(&self) -> String {
        let content_type = self.content_type.as_deref().unwrap_or("no content type");
        let retry_after = match &self.retry_after {
            Some(after) => format!(", Retry-After {}", crate::names::shown(after)),
            None => String::new(),
        };
        format!(
            "HTTP {} with {} bytes of {}{retry_after} from {}",
            self.status,
            self.body.len(),
            crate::names::shown(content_type),
            self.origin
        )
    }

    /// The kind that this status stands for, where the body doesn't say more.
    pub(crate) fn error_kind(&self) -> ErrorKind {
        kind_of_status(self.status)
    }
}

/// What a status stands for, of Google's servers and of STS alike.
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
    let uri = format!("{}{path}", endpoint.path());
    let time = cx.time();
    let origin = endpoint.origin();
    let result = Operation::builder()
        .service_name("Google")
        .operation_name(operation)
        .http_client(if direct { cx.direct() } else { cx.http() })
        .endpoint_url(&endpoint.origin())
        .no_auth()
        .standard_retry(&retries)
        .retry_classifier(plugins::GoogleRetries::new())
        .timeout_config(timeouts)
        .sleep_impl(cx.sleep())
        .time_source(cx.time())
        .interceptor(plugins::BodyCap)
        .with_connection_poisoning()
        .runtime_plugin(plugins::opaque(cx.retry_partition()))
        .serializer(move |(): ()| http_request(&uri, &headers, body.as_ref()))
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
    headers: &[(Cow<'static, str>, Zeroizing<String>)],
    body: Option<&(&'static str, Zeroizing<Vec<u8>>)>,
) -> Result<HttpRequest, BoxError> {
    let mut request = http::Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri(uri);
    for (name, value) in headers {
        let mut value = http::HeaderValue::from_str(value)?;
        value.set_sensitive(true);
        request = request.header(&**name, value);
    }
    let sdk_body = match body {
        // Made by a function and of a type that the SDK can't look into: at TRACE it prints the rest.
        Some((content_type, bytes)) => {
            request = request.header("content-type", *content_type);
            request = request.header("content-length", bytes.len());
            let bytes = Bytes::copy_from_slice(bytes);
            SdkBody::retryable(move || SdkBody::from_body_1_x(Full::new(bytes.clone())))
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
