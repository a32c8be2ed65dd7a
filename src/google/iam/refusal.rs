//! What an error answer of IAM means, and what to do about it.

use crate::error::{Error, Stage};
use crate::google::api_error::{ApiError, TOKEN_REFUSED};
use crate::names::ServiceAccountEmail;
use crate::transport::Response;

/// The account that doesn't exist: "Not found; Gaia id not found for email X".
fn missing_account(error: &ApiError) -> Option<ServiceAccountEmail> {
    let (_, rest) = error.message.split_once("not found for email ")?;
    let email = rest.split_whitespace().next()?;
    email.trim_end_matches(['.', ',', '"']).parse().ok()
}

pub(super) fn error(response: &Response, account: &ServiceAccountEmail, method: &str) -> Error {
    let status = ApiError::of(response);
    let call = format!("{method} as {account}");
    let what = ApiError::describe(status.as_ref(), &call, response);
    let code = status.as_ref().map(|it| it.status.as_str());
    let error = response.refusal(Stage::Iam, what).with_code(code, None);
    match hint(response, status.as_ref(), account, method) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn hint(
    response: &Response,
    status: Option<&ApiError>,
    account: &ServiceAccountEmail,
    method: &str,
) -> Option<String> {
    let role = match method {
        "generateIdToken" => "roles/iam.serviceAccountOpenIdTokenCreator",
        _ => "roles/iam.serviceAccountTokenCreator",
    };
    let enable = status.and_then(|it| it.enable_command("iamcredentials.googleapis.com"));
    match response.status {
        403 => Some(enable.unwrap_or_else(|| {
            format!(
                "the caller needs {role} on {account}, also when it is that account itself, and \
                 delegates roles/iam.serviceAccountTokenCreator on the next; the API \
                 iamcredentials.googleapis.com must be enabled, and a virtual machine have the scope \
                 cloud-platform"
            )
        })),
        401 => Some(TOKEN_REFUSED.to_owned()),
        404 => {
            let missing = status.and_then(missing_account);
            let missing = missing.as_ref().unwrap_or(account);
            Some(format!(
                "there is no service account {missing}: was it deleted, or is its e-mail misspelt?"
            ))
        }
        // The times of an assertion are its part that is wrong most often.
        400 if method == "signJwt" => {
            let skew = response.received.skew()?;
            Some(format!("{skew}: set it right"))
        }
        _ => None,
    }
}
