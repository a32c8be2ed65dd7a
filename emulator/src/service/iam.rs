//! Google's [IAM Credentials API](https://cloud.google.com/iam/docs/reference/credentials/rest).

pub(super) mod authorization;

use super::Service;
use super::reply::Reply;
use crate::call::Call;
use crate::request::{RecordedRequest, decoded_path};
use crate::state::accounts::Account;
use crate::state::jwt;
use crate::state::{ISSUER, State, TOKEN_LIFETIME, system_time};
use authorization::authorized;
use aws_smithy_types::date_time::{DateTime, Format};
use http::StatusCode;
use http::request::Parts;
use serde_json::{Map, Value, json};

/// The largest `exp` of a payload: 12 hours ahead, in seconds.
const MAX_PAYLOAD_LIFETIME: i64 = 43_200;

pub(crate) const NAME: &str = "iam";

pub(super) const SERVICE: Service = Service {
    name: NAME,
    calls: &[
        Call::SignJwt,
        Call::GenerateIdToken,
        Call::GenerateAccessToken,
    ],
    call,
    answer,
    headers: &[],
};

fn call(head: &Parts) -> Call {
    match resource(&decoded_path(&head.uri)) {
        Some((_, "signJwt")) => Call::SignJwt,
        Some((_, "generateIdToken")) => Call::GenerateIdToken,
        Some((_, "generateAccessToken")) => Call::GenerateAccessToken,
        _ => Call::Other,
    }
}

/// Account and method. The project is always `-`.
fn resource(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/v1/")?
        .strip_prefix(ACCOUNT_PREFIX)?
        .rsplit_once(':')
}

const ACCOUNT_PREFIX: &str = "projects/-/serviceAccounts/";

fn answer(state: &State, request: &RecordedRequest) -> Reply {
    if request.call() == Call::Other {
        return Reply::not_found();
    }
    let path = request.decoded_path();
    let Some((name, method)) = resource(&path).filter(|_| request.method() == "POST") else {
        return Reply::not_found();
    };
    let answer =
        authorized(state, request, name, method).and_then(|(account, body)| match method {
            "signJwt" => sign_jwt(state, account, &body),
            "generateIdToken" => generate_id_token(state, account, &body),
            "generateAccessToken" => generate_access_token(state, account, &body),
            _ => Err(Reply::not_found()),
        });
    answer.unwrap_or_else(|error| error)
}

fn invalid(message: &str) -> Reply {
    Reply::api_error(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message)
}

fn internal() -> Reply {
    Reply::api_error(
        StatusCode::INTERNAL_SERVER_ERROR,
        "INTERNAL",
        "Internal error encountered.",
    )
}

fn sign_jwt(state: &State, account: &Account, body: &Map<String, Value>) -> Result<Reply, Reply> {
    let claims = body
        .get("payload")
        .and_then(Value::as_str)
        .and_then(|payload| serde_json::from_str::<Map<String, Value>>(payload).ok())
        .ok_or_else(|| invalid("The payload must be a JSON object, serialized as a string."))?;
    if let Some(expires) = claims.get("exp") {
        let now = state.now();
        let expires = expires
            .as_i64()
            .ok_or_else(|| invalid("The exp claim must be an integer timestamp."))?;
        if expires <= now || expires > now.saturating_add(MAX_PAYLOAD_LIFETIME) {
            return Err(invalid(
                "The exp claim must not be in the past and at most 12 hours in the future.",
            ));
        }
    }
    let key = &account.managed_key;
    let signed = jwt::sign(key, &Value::Object(claims)).map_err(|_| internal())?;
    state.secrets.add(&signed);
    Ok(Reply::json(
        StatusCode::OK,
        &json!({"keyId": key.id(), "signedJwt": signed}),
    ))
}

fn generate_id_token(
    state: &State,
    account: &Account,
    body: &Map<String, Value>,
) -> Result<Reply, Reply> {
    let audience = body
        .get("audience")
        .and_then(Value::as_str)
        .filter(|audience| !audience.is_empty())
        .ok_or_else(|| invalid("Audience is required."))?;
    let now = state.now();
    // Undocumented, but Google's Python client sends it.
    let azp = if flag(body, "useEmailAzp")? {
        account.email()
    } else {
        account.unique_id()
    };
    let mut claims = json!({
        "iss": ISSUER, "sub": account.unique_id(), "azp": azp, "aud": audience,
        "iat": now, "exp": now.saturating_add(TOKEN_LIFETIME),
    });
    if flag(body, "includeEmail")? {
        claims["email"] = json!(account.email());
        claims["email_verified"] = json!(true);
    }
    if flag(body, "organizationNumberIncluded")? {
        claims["google"] = json!({"organization_number": account.settings.organization_number});
    }
    let token = state.id_token(&claims).map_err(|_| internal())?;
    Ok(Reply::json(StatusCode::OK, &json!({"token": token})))
}

/// A boolean. The API accepts strings too: Google's Python client sends `"true"`.
fn flag(body: &Map<String, Value>, name: &str) -> Result<bool, Reply> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(_) => Err(invalid(&format!("Invalid value at '{name}' (TYPE_BOOL)"))),
    }
}

fn generate_access_token(
    state: &State,
    account: &Account,
    body: &Map<String, Value>,
) -> Result<Reply, Reply> {
    let scopes: Vec<&str> = body
        .get("scope")
        .and_then(Value::as_array)
        .map(|scopes| scopes.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if scopes.is_empty() {
        return Err(invalid("Scope required."));
    }
    let lifetime = match body.get("lifetime").and_then(Value::as_str) {
        None => TOKEN_LIFETIME,
        Some(text) => text
            .strip_suffix('s')
            .and_then(|seconds| seconds.parse().ok())
            .filter(|seconds| (1..=TOKEN_LIFETIME).contains(seconds))
            .ok_or_else(|| invalid("The lifetime must be at most 3600s."))?,
    };
    let expires = DateTime::from(system_time(state.now().saturating_add(lifetime)));
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "accessToken": state.access_token(account.email(), &scopes.join(" "), lifetime),
            "expireTime": expires.fmt(Format::DateTime).map_err(|_| internal())?,
        }),
    ))
}
