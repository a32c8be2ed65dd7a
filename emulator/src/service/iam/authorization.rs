//! Who may call the IAM Credentials API: bearer token, scopes, and the chain of delegates.

use super::super::reply::Reply;
use super::{ACCOUNT_PREFIX, invalid};
use crate::request::RecordedRequest;
use crate::state::State;
use crate::state::accounts::Account;
use http::StatusCode;
use serde_json::{Map, Value, json};

/// The scopes that the API accepts.
const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/iam",
    "https://www.googleapis.com/auth/cloud-platform",
];

/// The account of the request and its body, if the caller may call `method` on the account.
pub(super) fn authorized<'w>(
    state: &'w State,
    request: &RecordedRequest,
    name: &str,
    method: &str,
) -> Result<(&'w Account, Map<String, Value>), Reply> {
    let caller = bearer(state, request, &SCOPES)?;
    let body: Map<String, Value> = serde_json::from_slice(request.body())
        .map_err(|_| invalid("Invalid JSON payload received."))?;
    let known = match method {
        "signJwt" => &["payload"][..],
        "generateIdToken" => &[
            "audience",
            "includeEmail",
            "organizationNumberIncluded",
            "useEmailAzp",
        ],
        _ => &["scope", "lifetime"],
    };
    let is_known = |name: &str| name == "delegates" || known.contains(&name);
    if let Some(name) = body.keys().find(|name| !is_known(name)) {
        return Err(invalid(&format!(
            "Invalid JSON payload received. Unknown name \"{name}\": Cannot find field."
        )));
    }
    let mut principal = caller;
    for delegate in delegates(&body)? {
        let account = state
            .account(&delegate)
            .filter(|account| account.admits(&principal))
            .ok_or_else(|| denied("iam.serviceAccounts.implicitDelegation"))?;
        principal = account.email().to_owned();
    }
    let permission = match method {
        "signJwt" => "iam.serviceAccounts.signJwt",
        "generateIdToken" => "iam.serviceAccounts.getOpenIdToken",
        _ => "iam.serviceAccounts.getAccessToken",
    };
    let account = state
        .account(name)
        .filter(|account| account.admits(&principal))
        .ok_or_else(|| denied(permission))?;
    Ok((account, body))
}

/// The caller, if the request has an access token with one of these scopes.
pub(in crate::service) fn bearer(
    state: &State,
    request: &RecordedRequest,
    scopes: &[&str],
) -> Result<String, Reply> {
    let unauthenticated = |problem: &str| {
        Reply::api_error(
            StatusCode::UNAUTHORIZED,
            "UNAUTHENTICATED",
            &format!(
                "Request {problem}. Expected OAuth 2 access token, login cookie or other valid authentication \
                 credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
            ),
        )
    };
    let header = request
        .header("authorization")
        .ok_or_else(|| unauthenticated("is missing required authentication credential"))?;
    let grant = header
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .and_then(|(_, token)| state.bearer(token))
        .ok_or_else(|| unauthenticated("had invalid authentication credentials"))?;
    if !grant.scopes.split(' ').any(|scope| scopes.contains(&scope)) {
        return Err(Reply::api_error(
            StatusCode::FORBIDDEN,
            "PERMISSION_DENIED",
            "Request had insufficient authentication scopes.",
        ));
    }
    Ok(grant.principal)
}

fn denied(permission: &str) -> Reply {
    let message = format!("Permission '{permission}' denied on resource (or it may not exist).");
    Reply::json(
        StatusCode::FORBIDDEN,
        &json!({"error": {
            "code": 403, "message": message, "status": "PERMISSION_DENIED",
            "details": [{
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "IAM_PERMISSION_DENIED", "domain": "iam.googleapis.com",
                "metadata": {"permission": permission},
            }],
        }}),
    )
}

/// The delegates. The API accepts only full resource names.
fn delegates(body: &Map<String, Value>) -> Result<Vec<String>, Reply> {
    let malformed = || {
        invalid(
            "Invalid form of account ID in delegates. Should be [Gaia ID |Email |Unique ID |] of the account",
        )
    };
    let Some(delegates) = body.get("delegates").filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    delegates
        .as_array()
        .ok_or_else(malformed)?
        .iter()
        .map(|delegate| {
            let name = delegate.as_str()?.strip_prefix(ACCOUNT_PREFIX)?;
            Some(name.to_owned())
        })
        .collect::<Option<_>>()
        .ok_or_else(malformed)
}
