//! What STS's refusals mean.

mod hint;

use crate::error::{Error, ErrorKind, Stage};
use crate::names::RoleArn;
use crate::redact::{said, shown_long, without};
use crate::token::IdToken;
use crate::transport::{LastAnswer, kind_of_status, retry_after, transport_error};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::time::SystemTime;

/// For an answer that lacks what every refusal of STS has.
const NOT_STS: &str = "\
    STS gives a code with every refusal: a proxy, a load balancer or another server may have answered in its place. \
    If the endpoint is right, try again; https://health.aws.amazon.com tells of an outage";

/// Why STS gave no credentials. `now` is this machine's time.
pub(super) fn error(
    error: &SdkError<AssumeRoleWithWebIdentityError, HttpResponse>,
    last_answer: &LastAnswer,
    role_arn: &RoleArn,
    token: &IdToken,
    endpoint: Option<&str>,
    now: SystemTime,
) -> Error {
    let parsed = error.as_service_error();
    // Of a refusal that the parser can't read, the status says more than the parser.
    let refused = error
        .raw_response()
        .filter(|response| parsed.is_some() || !response.status().is_success());
    let Some(response) = refused else {
        let at = endpoint.map_or_else(String::new, |endpoint| format!(" at {endpoint}"));
        let call = format!("AssumeRoleWithWebIdentity{at}");
        return transport_error(Stage::Sts, &call, error, last_answer)
            .with_detail("role", role_arn.as_str());
    };
    // The body was scrubbed on arrival. The parser may have rejoined pieces of the token, and
    // headers were not scrubbed.
    let clean = |text: &str| Some(without(text, token.expose())).filter(|text| !text.is_empty());
    let code = parsed.and_then(|it| it.code()).and_then(clean);
    let message = parsed.and_then(|it| it.message()).and_then(clean);
    let request_id = parsed.and_then(|it| it.request_id()).and_then(clean);
    let (code, message) = (code.as_deref(), message.as_deref());
    let status = response.status().as_u16();
    let what = match (code, message) {
        (None, None) if status < 300 => {
            format!("HTTP {status} with an answer that can't be read")
        }
        (None, None) => format!("HTTP {status} without a code or a message"),
        (code, message) => format!(
            "HTTP {status} {}: {}",
            said(code.unwrap_or("without a code")),
            said(message.unwrap_or("no message"))
        ),
    };
    let is_about_keys =
        code == Some("InvalidIdentityToken") && message.is_some_and(hint::is_about_keys);
    let kind = match is_about_keys {
        true => ErrorKind::Unavailable,
        false => kind(code, status),
    };
    let claims = token.claims();
    let mut error = Error::from_message(Stage::Sts, kind, format!("{what} (role {role_arn})"))
        .with_code(code, request_id.as_deref())
        .with_retry_after(retry_after(response.headers(), None))
        .with_detail("role", role_arn.as_str());
    if parsed.is_some() {
        for (key, values) in claims.aws_condition_keys().iter() {
            let values: Vec<_> = values.iter().map(|value| shown_long(value)).collect();
            error = error.with_detail(key, &values.join(" or "));
        }
        if claims.iss != hint::GOOGLE {
            error = error.with_detail("iss", &shown_long(&claims.iss));
        }
    }
    if (code, message) == (None, None) {
        if let Some(endpoint) = endpoint {
            error = error.with_detail("answered by", endpoint);
        }
        error = error.with_hint(NOT_STS);
    } else if let Some(hint) = hint::hint(code, message.unwrap_or_default(), role_arn, claims, now)
    {
        error = error.with_hint(hint);
    }
    if !is_about_keys && code.is_some_and(blames_token) {
        error = error.blaming_token();
    }
    error
}

/// Whether STS refuses the token itself, and not what it was to be exchanged for.
fn blames_token(code: &str) -> bool {
    matches!(
        code,
        "ExpiredTokenException" | "ExpiredToken" | "InvalidIdentityToken" | "IDPRejectedClaim"
    )
}

/// The codes that the SDK treats as transient, and STS's own.
pub(super) fn kind(code: Option<&str>, status: u16) -> ErrorKind {
    match code.unwrap_or_default() {
        "ExpiredTokenException"
        | "ExpiredToken"
        | "InvalidIdentityToken"
        | "IDPRejectedClaim"
        | "AccessDenied"
        | "AccessDeniedException" => ErrorKind::Denied,
        "IDPCommunicationError" => ErrorKind::Unavailable,
        "Throttling"
        | "ThrottlingException"
        | "TooManyRequestsException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "LimitExceededException"
        | "BandwidthLimitExceeded"
        | "PriorRequestNotComplete"
        | "SlowDown" => ErrorKind::Throttled,
        "RequestTimeout" | "RequestTimeoutException" => ErrorKind::Unavailable,
        "MalformedPolicyDocument"
        | "PackedPolicyTooLarge"
        | "RegionDisabledException"
        | "ValidationError" => ErrorKind::Configuration,
        _ => kind_of_status(status),
    }
}
