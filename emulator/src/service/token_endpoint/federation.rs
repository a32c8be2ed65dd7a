//! Google's STS: workload and workforce identity federation.

use crate::request::first;
use crate::service::reply::Reply;
use crate::state::{State, TOKEN_LIFETIME};
use http::StatusCode;
use serde_json::json;

/// Whether `audience` names a provider of a workload identity pool or of a workforce pool.
fn is_provider(audience: &str) -> bool {
    let Some(name) = audience.strip_prefix("//iam.googleapis.com/") else {
        return false;
    };
    let parts: Vec<_> = name.split('/').collect();
    let is_one = match parts[..] {
        [
            "projects",
            project,
            "locations",
            "global",
            kind,
            _,
            "providers",
            _,
        ] => {
            let is_number = project.bytes().all(|byte| byte.is_ascii_digit());
            is_number && kind == "workloadIdentityPools"
        }
        ["locations", "global", kind, _, "providers", _] => kind == "workforcePools",
        _ => false,
    };
    is_one && !parts.contains(&"")
}

/// Exchanges a subject token ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693#section-2.1)).
///
/// The emulator cannot verify the subject token of another provider, so it accepts any. The grant's
/// principal is the audience.
pub(super) fn exchange(state: &State, form: &[(String, String)]) -> Result<Reply, Reply> {
    let given = |name| first(form, name).filter(|text| !text.is_empty());
    let required = |name| {
        given(name).ok_or_else(|| {
            Reply::oauth_error(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                &format!("Missing required parameter: {name}"),
            )
        })
    };
    let (audience, scope) = (required("audience")?, required("scope")?);
    if !is_provider(audience) {
        return Err(Reply::oauth_error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Invalid value for \"audience\". This value should be the full resource name of the Identity Provider.",
        ));
    }
    required("subject_token")?;
    required("subject_token_type")?;
    let issued = "urn:ietf:params:oauth:token-type:access_token";
    if required("requested_token_type")? != issued {
        return Err(Reply::oauth_error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "Invalid value for requested_token_type",
        ));
    }
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "access_token": state.access_token(audience, scope, TOKEN_LIFETIME), "issued_token_type": issued,
            "token_type": "Bearer", "expires_in": TOKEN_LIFETIME,
        }),
    ))
}
