//! What STS's refusals mean, and what to do about them.

use crate::error::{Error, ErrorKind, Stage};
use crate::names::RoleArn;
use crate::redact::{said, shown_long, without};
use crate::token::IdToken;
use crate::transport::{LastAnswer, kind_of_status, retry_after, transport_error};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

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
        // The body was scrubbed as it came; the parser may have put together what stood in it in pieces, and a header
        // was not.
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
        let hint = match no_keys {
            true => hint(Some("IDPCommunicationError")),
            false => hint(code),
        };
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

/// STS could not fetch the issuer's keys. It says so with the code of an invalid token, but the
/// token is fine: it passes, and the same token is sent again.
fn is_about_keys(message: &str) -> bool {
    message.starts_with("Couldn't retrieve verification key from your identity provider")
}

/// Whether it is the token that is refused, and not what it is to be exchanged for.
fn blames_token(code: &str) -> bool {
    matches!(
        code,
        "ExpiredTokenException" | "ExpiredToken" | "InvalidIdentityToken" | "IDPRejectedClaim"
    )
}

/// The SDK's own lists of what passes, and STS's codes.
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

fn hint(code: Option<&str>) -> Option<&'static str> {
    Some(match code? {
        "AccessDenied" | "AccessDeniedException" => {
            "the role's trust policy doesn't admit the token, or there is no such role: the policy's \
             conditions must match these keys, of which :aud is the token's azp and :oaud the audience that \
             was asked for; trust_policy::TrustPolicy::judge says which one fails. A new role or policy takes \
             some seconds to spread"
        }
        "ExpiredTokenException" | "ExpiredToken" => {
            "a fresh token was refused as too old as well: is this machine's clock right?"
        }
        "InvalidIdentityToken" => {
            "STS could not verify the token: it must be a Google ID token, and the account must have no \
             IAM OIDC provider of its own for accounts.google.com"
        }
        "IDPRejectedClaim" => {
            "Google says that the token is not valid any more: was the account disabled?"
        }
        "IDPCommunicationError" => "AWS could not reach Google; it passes",
        "ValidationError" => {
            "a parameter is out of the role's bounds: most often a session length above the role's maximum"
        }
        "PackedPolicyTooLarge" | "MalformedPolicyDocument" => "look at policy and policy_arns",
        "RegionDisabledException" => {
            "STS is not active in this Region for the account: activate it, or set another Region"
        }
        _ => return None,
    })
}
