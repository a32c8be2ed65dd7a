//! Google's OAuth 2.0 token endpoint: assertions of [service
//! accounts](https://developers.google.com/identity/protocols/oauth2/service-account#httprest) and
//! refresh tokens of users. It also plays [Google's
//! STS](https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token).

mod federation;

use super::Service;
use super::reply::Reply;
use crate::call::Call;
use crate::request::{RecordedRequest, decoded_path, first};
use crate::state::accounts::Account;
use crate::state::jwt::Jwt;
use crate::state::key_file::{CLIENT_ID, CLIENT_SECRET};
use crate::state::{ISSUER, Origins, State, TOKEN_LIFETIME};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::request::Parts;
use serde_json::json;

/// How far a client's clock may be off, in seconds. Google documents no number.
const CLOCK_SKEW: i64 = 300;

/// Google's endpoint. Google's Python client makes it the audience of every assertion, whatever
/// `token_uri` the key file has.
const GOOGLE_URI: &str = "https://oauth2.googleapis.com/token";

/// The path of Google's STS for refresh tokens of workforce pool users.
const WORKFORCE_PATH: &str = "/oauthtoken";

const PATH: &str = "/token";

pub(crate) const NAME: &str = "token";

pub(super) const SERVICE: Service = Service {
    name: NAME,
    calls: &[Call::TokenEndpoint],
    call,
    answer,
    headers: &[],
};

/// The URI of the endpoint: the audience of assertions.
pub(crate) fn uri(origins: &Origins) -> String {
    format!("{}{PATH}", origins.of(NAME))
}

fn call(head: &Parts) -> Call {
    match decoded_path(&head.uri).as_str() {
        PATH | WORKFORCE_PATH => Call::TokenEndpoint,
        _ => Call::Other,
    }
}

fn answer(state: &State, request: &RecordedRequest) -> Reply {
    if request.call() == Call::Other {
        return Reply::not_found();
    }
    if request.method() != "POST" {
        return Reply::new(StatusCode::METHOD_NOT_ALLOWED, "text/html", "");
    }
    let form = request.form();
    let answer = match first(&form, "grant_type") {
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => assertion(state, &form),
        Some("refresh_token") => refresh(state, request, &form),
        Some("urn:ietf:params:oauth:grant-type:token-exchange") => {
            federation::exchange(state, &form)
        }
        other => Err(Reply::oauth_error(
            StatusCode::BAD_REQUEST,
            "unsupported_grant_type",
            &format!("Invalid grant_type: {}", other.unwrap_or_default()),
        )),
    };
    answer.unwrap_or_else(|error| error)
}

fn invalid_grant(description: &str) -> Reply {
    Reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant", description)
}

fn assertion(state: &State, form: &[(String, String)]) -> Result<Reply, Reply> {
    let assertion = first(form, "assertion")
        .filter(|text| !text.is_empty())
        .ok_or_else(|| {
            Reply::oauth_error(
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "Missing required parameter: assertion",
            )
        })?;
    let jwt = Jwt::parse(assertion)
        .ok_or_else(|| invalid_grant("Invalid JWT: The JWT could not be parsed."))?;
    let account = jwt
        .text("iss")
        .and_then(|issuer| state.account(issuer))
        .ok_or_else(|| invalid_grant("Invalid grant: account not found"))?;
    if !jwt.is_signed_by([&*account.file_key(), &*account.managed_key]) {
        return Err(invalid_grant("Invalid JWT Signature."));
    }
    let is_own = |audience: &str| {
        audience == GOOGLE_URI
            || audience == uri(&state.origins)
            || state.origins.token_uris.iter().any(|uri| uri == audience)
    };
    if !jwt.text("aud").is_some_and(is_own) {
        return Err(invalid_grant("Invalid JWT: Failed audience check."));
    }
    if !is_timely(&jwt, state.now()) {
        return Err(invalid_grant(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
             Check your iat and exp values in the JWT claim.",
        ));
    }
    if jwt
        .text("sub")
        .is_some_and(|sub| sub != account.email() && sub != account.unique_id())
    {
        return Err(Reply::oauth_error(
            StatusCode::UNAUTHORIZED,
            "unauthorized_client",
            "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any \
             of the scopes requested.",
        ));
    }
    let given = |claim| jwt.text(claim).filter(|text| !text.is_empty());
    match (given("target_audience"), given("scope")) {
        (Some(audience), _) => id_token(state, account, audience),
        (None, Some(scope)) => Ok(access_token(state, account.email(), scope)),
        (None, None) => Err(Reply::oauth_error(
            StatusCode::BAD_REQUEST,
            "invalid_scope",
            "Invalid OAuth scope or ID token audience provided.",
        )),
    }
}

fn is_timely(jwt: &Jwt<'_>, now: i64) -> bool {
    let (Some(issued), Some(expires)) = (jwt.seconds("iat"), jwt.seconds("exp")) else {
        return false;
    };
    let lifetime = expires.saturating_sub(issued);
    (0..=TOKEN_LIFETIME).contains(&lifetime)
        && issued <= now.saturating_add(CLOCK_SKEW)
        && expires > now.saturating_sub(CLOCK_SKEW)
}

/// An ID token. Only this endpoint sets `azp` to the e-mail address.
fn id_token(state: &State, account: &Account, audience: &str) -> Result<Reply, Reply> {
    let now = state.now();
    let claims = json!({
        "iss": ISSUER, "sub": account.unique_id(), "azp": account.email(), "aud": audience,
        "email": account.email(), "email_verified": true,
        "iat": now, "exp": now.saturating_add(TOKEN_LIFETIME),
    });
    let token = state.id_token(&claims).map_err(|_| failure())?;
    Ok(Reply::json(StatusCode::OK, &json!({"id_token": token})))
}

fn access_token(state: &State, principal: &str, scope: &str) -> Reply {
    let token = state.access_token(principal, scope, TOKEN_LIFETIME);
    // 3599, like Google's: a second has passed since the token was issued.
    Reply::json(
        StatusCode::OK,
        &json!({"access_token": token, "expires_in": TOKEN_LIFETIME - 1, "token_type": "Bearer"}),
    )
}

fn failure() -> Reply {
    Reply::oauth_error(StatusCode::INTERNAL_SERVER_ERROR, "internal_failure", "")
}

/// Whether the request authenticates as gcloud's OAuth client: in a header for workforce pools,
/// else in the form.
fn is_gcloud(request: &RecordedRequest, form: &[(String, String)]) -> bool {
    let given = |name| first(form, name).unwrap_or_default();
    let pair = match request.path().ends_with(WORKFORCE_PATH) {
        false => format!("{}:{}", given("client_id"), given("client_secret")),
        true => request
            .header("authorization")
            .and_then(|value| STANDARD.decode(value.strip_prefix("Basic ")?).ok())
            .and_then(|pair| String::from_utf8(pair).ok())
            .unwrap_or_default(),
    };
    pair == format!("{CLIENT_ID}:{CLIENT_SECRET}")
}

/// A refresh token's grant: an access token, and an ID token whose audience is always the client
/// id.
fn refresh(
    state: &State,
    request: &RecordedRequest,
    form: &[(String, String)],
) -> Result<Reply, Reply> {
    if !is_gcloud(request, form) {
        return Err(Reply::oauth_error(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "The OAuth client was not found.",
        ));
    }
    let grant = first(form, "refresh_token")
        .and_then(|token| state.refreshing(token))
        .ok_or_else(|| invalid_grant("Bad Request"))?;
    let scope =
        first(form, "scope").unwrap_or("openid https://www.googleapis.com/auth/cloud-platform");
    let now = state.now();
    let claims = json!({
        "iss": ISSUER, "sub": "100000000000000000001", "azp": CLIENT_ID, "aud": CLIENT_ID,
        "email": grant.principal, "email_verified": true,
        "iat": now, "exp": now.saturating_add(TOKEN_LIFETIME),
    });
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "access_token": state.access_token(&grant.principal, scope, TOKEN_LIFETIME),
            "id_token": state.id_token(&claims).map_err(|_| failure())?,
            "expires_in": TOKEN_LIFETIME - 1, "scope": scope, "token_type": "Bearer",
        }),
    ))
}
