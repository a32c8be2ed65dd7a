//! Google's [IAM Credentials API](https://cloud.google.com/iam/docs/reference/credentials/rest): signJwt, generateIdToken, generateAccessToken.

use super::accounts::Account;
use super::jwt;
use super::records::{Call, RecordedRequest};
use super::reply::Reply;
use super::world::{ISSUER, TOKEN_LIFETIME, World, system_time};
use aws_smithy_types::date_time::{DateTime, Format};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// A payload's `exp` may be this far ahead: 12 hours.
const MAX_PAYLOAD_LIFETIME: i64 = 43_200;

const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/iam",
    "https://www.googleapis.com/auth/cloud-platform",
];

type Answer = Result<Reply, Reply>;

pub(super) fn hop(path: &str) -> Call {
    match resource(path) {
        Some((_, "signJwt")) => Call::SignJwt,
        Some((_, "generateIdToken")) => Call::GenerateIdToken,
        Some((_, "generateAccessToken")) => Call::GenerateAccessToken,
        _ => Call::Other,
    }
}

/// Account and method. The project is a literal `-`.
fn resource(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/v1/")?
        .strip_prefix(ACCOUNT_PREFIX)?
        .rsplit_once(':')
}

const ACCOUNT_PREFIX: &str = "projects/-/serviceAccounts/";

pub(super) fn answer(world: &World, request: &RecordedRequest) -> Reply {
    let path = request.decoded_path();
    let Some((name, method)) = resource(&path).filter(|_| request.method() == "POST") else {
        return Reply::not_found();
    };
    let answer =
        authorized(world, request, name, method).and_then(|(account, body)| match method {
            "signJwt" => sign_jwt(world, account, &body),
            "generateIdToken" => generate_id_token(world, account, &body),
            "generateAccessToken" => generate_access_token(world, account, &body),
            _ => Err(Reply::not_found()),
        });
    answer.unwrap_or_else(|error| error)
}

/// The account to act as, and the request's body, if the caller may.
fn authorized<'w>(
    world: &'w World,
    request: &RecordedRequest,
    name: &str,
    method: &str,
) -> Result<(&'w Account, Map<String, Value>), Reply> {
    let caller = bearer(world, request)?;
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
        let account = world
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
    let account = world
        .account(name)
        .filter(|account| account.admits(&principal))
        .ok_or_else(|| denied(permission))?;
    Ok((account, body))
}

fn bearer(world: &World, request: &RecordedRequest) -> Result<String, Reply> {
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
        .and_then(|(_, token)| world.bearer(token))
        .ok_or_else(|| unauthenticated("had invalid authentication credentials"))?;
    if !grant.scopes.split(' ').any(|scope| SCOPES.contains(&scope)) {
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

/// Full resource names, as the API demands them.
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

fn sign_jwt(world: &World, account: &Account, body: &Map<String, Value>) -> Answer {
    let claims = body
        .get("payload")
        .and_then(Value::as_str)
        .and_then(|payload| serde_json::from_str::<Map<String, Value>>(payload).ok())
        .ok_or_else(|| invalid("The payload must be a JSON object, serialized as a string."))?;
    if let Some(expires) = claims.get("exp") {
        let now = world.now();
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
    world.secrets.add(&signed);
    Ok(Reply::json(
        StatusCode::OK,
        &json!({"keyId": key.id(), "signedJwt": signed}),
    ))
}

fn generate_id_token(world: &World, account: &Account, body: &Map<String, Value>) -> Answer {
    let audience = body
        .get("audience")
        .and_then(Value::as_str)
        .filter(|audience| !audience.is_empty())
        .ok_or_else(|| invalid("Audience is required."))?;
    let now = world.now();
    // Undocumented; Google's own client for Python sends it.
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
    let token = world.id_token(&claims).map_err(|_| internal())?;
    Ok(Reply::json(StatusCode::OK, &json!({"token": token})))
}

/// A boolean, which the API takes as a string as well: Google's own client for Python sends `"true"`.
fn flag(body: &Map<String, Value>, name: &str) -> Result<bool, Reply> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(Value::String(text)) if text == "true" => Ok(true),
        Some(Value::String(text)) if text == "false" => Ok(false),
        Some(_) => Err(invalid(&format!("Invalid value at '{name}' (TYPE_BOOL)"))),
    }
}

fn generate_access_token(world: &World, account: &Account, body: &Map<String, Value>) -> Answer {
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
    let expires = DateTime::from(system_time(world.now().saturating_add(lifetime)));
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "accessToken": world.access_token(account.email(), &scopes.join(" "), lifetime),
            "expireTime": expires.fmt(Format::DateTime).map_err(|_| internal())?,
        }),
    ))
}
