//! What an error answer of Cloud KMS means, and what to do about it.

use super::key_name::KeyName;
use crate::error::{Error, Stage};
use crate::google::api_error::{ApiError, TOKEN_REFUSED};
use crate::transport::Response;

pub(super) fn error(response: &Response, key: &KeyName, method: &str) -> Error {
    let status = ApiError::of(response);
    let call = format!("{method} with a key of Cloud KMS");
    let what = ApiError::describe(status.as_ref(), &call, response);
    let code = status.as_ref().map(|it| it.status.as_str());
    let error = response
        .refusal(Stage::Cache, what)
        .with_code(code, None)
        .with_detail("key", key.as_str());
    match hint(response, status.as_ref(), key) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn hint(response: &Response, status: Option<&ApiError>, key: &KeyName) -> Option<String> {
    let (id, flags) = (key.id(), key.flags());
    let is_disabled = status.is_some_and(|it| it.message.contains("is not enabled"));
    match response.status {
        403 => status
            .and_then(|it| it.enable_command("cloudkms.googleapis.com"))
            .or_else(|| {
                Some(format!(
                    "the caller may not use the key, or there is no such key; grant the role: `gcloud kms keys \
                     add-iam-policy-binding {id} {flags} --member=serviceAccount:EMAIL \
                     --role=roles/cloudkms.cryptoKeyEncrypterDecrypter`"
                ))
            }),
        401 => Some(TOKEN_REFUSED.to_owned()),
        404 => Some(format!(
            "there is no such key; list those there are: `gcloud kms keys list {flags}`"
        )),
        // A refused call says which version in its message.
        400 if is_disabled => Some(format!(
            "a version of the key is disabled or destroyed; see `gcloud kms keys versions list --key={id} {flags}`, \
             and enable it again: `gcloud kms keys versions enable VERSION --key={id} {flags}`"
        )),
        _ => None,
    }
}
