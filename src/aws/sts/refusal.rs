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
use hint::{hint, is_about_keys};
use std::time::SystemTime;

/// Why STS gave no credentials.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: Error,
    /// STS blamed the token itself.
    pub(crate) fresh_token_may_help: bool,
}

impl Refusal {
    pub(super) fn new(
        error: &SdkError<AssumeRoleWithWebIdentityError, HttpResponse>,
        last_answer: &LastAnswer,
        role_arn: &RoleArn,
        token: &IdToken,
        endpoint: Option<&str>,
        now: SystemTime,
    ) -> Self {
        let pause = error
            .raw_response()
            .and_then(|response| retry_after(response.headers(), None));
        let Some(service_error) = error.as_service_error() else {
            let error = match error.raw_response() {
                // An answer that could not be read: the status says more than the parser.
                Some(response) if !response.status().is_success() => {
                    let status = response.status().as_u16();
                    Error::from_message(
                        Stage::Sts,
                        kind(None, status),
                        format!("HTTP {status} without a code or a message (role {role_arn})"),
                    )
                    .with_retry_after(pause)
                }
                _ => {
                    let at =
                        endpoint.map_or_else(String::new, |endpoint| format!(" at {endpoint}"));
                    let call = format!("AssumeRoleWithWebIdentity{at}");
                    transport_error(Stage::Sts, &call, error, last_answer)
                        .with_detail("role", role_arn.as_str())
                }
            };
            return Self {
                error,
                fresh_token_may_help: false,
            };
        };
        let status = error
            .raw_response()
            .map_or(0, |response| response.status().as_u16());
        // The body was scrubbed on arrival. The parser may have rejoined pieces of the token, and
        // headers were not scrubbed.
        let clean =
            |text: &str| Some(without(text, token.expose())).filter(|text| !text.is_empty());
        let code = service_error.code().and_then(clean);
        let message = service_error.message().and_then(clean);
        let request_id = service_error.request_id().and_then(clean);
        let (code, message, request_id) =
            (code.as_deref(), message.as_deref(), request_id.as_deref());
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
        let what = format!("{what} (role {role_arn})");
        let no_keys = code == Some("InvalidIdentityToken") && message.is_some_and(is_about_keys);
        let kind = match no_keys {
            true => ErrorKind::Unavailable,
            false => kind(code, status),
        };
        let error = Error::from_message(Stage::Sts, kind, what)
            .with_code(code, request_id)
            .with_retry_after(pause)
            .with_detail("role", role_arn.as_str());
        let keys = token.claims().aws_condition_keys();
        let error = keys.iter().fold(error, |error, (key, values)| {
            let values: Vec<_> = values.iter().map(|value| shown_long(value)).collect();
            error.with_detail(key, &values.join(" or "))
        });
        let error = match token.claims().iss.as_str() {
            "https://accounts.google.com" => error,
            issuer => error.with_detail("iss", &shown_long(issuer)),
        };
        let hint = hint(
            code,
            message.unwrap_or_default(),
            role_arn,
            token.claims(),
            now,
        );
        let error = match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        };
        let fresh_token_may_help = !no_keys && code.is_some_and(blames_token);
        let error = match fresh_token_may_help {
            true => error.blaming_token(),
            false => error,
        };
        Self {
            error,
            fresh_token_may_help,
        }
    }
}

/// Whether STS refuses the token itself, and not what it was to be exchanged for.
fn blames_token(code: &str) -> bool {
    matches!(
        code,
        "ExpiredTokenException" | "ExpiredToken" | "InvalidIdentityToken" | "IDPRejectedClaim"
    )
}

/// The codes that the SDK treats as transient, and STS's own.
fn kind(code: Option<&str>, status: u16) -> ErrorKind {
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
