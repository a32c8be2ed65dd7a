//! Google's OAuth 2.0 token endpoint: assertions of [service accounts](https://developers.google.com/identity/protocols/oauth2/service-account#httprest)
//! and refresh tokens of users; and [Google's STS](https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token), for which
//! it stands as well.

use super::accounts::Account;
use super::jwt::Jwt;
use super::records::{RecordedRequest, first};
use super::reply::Reply;
use super::world::{ISSUER, TOKEN_LIFETIME, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::json;

/// How far a client's clock may be off before Google calls the time frame unreasonable. Google says no number.
pub(super) const CLOCK_SKEW: i64 = 300;

/// The endpoint that the emulator's stands for. Google's own client for Python makes it the audience of every assertion, whatever
/// `token_uri` its key file names.
const GOOGLE_URI: &str = "https://oauth2.googleapis.com/token";

pub(super) const CLIENT_ID: &str = "emulator.apps.googleusercontent.com";
pub(super) const CLIENT_SECRET: &str = "GOCSPX-0of1this2emulator3";

/// Where Google's STS refreshes what it gave a workforce pool's user.
pub(super) const OF_WORKFORCE: &str = "/oauthtoken";

type Answer = Result<Reply, Reply>;

pub(super) fn answer(world: &World, request: &RecordedRequest) -> Reply {
    if request.method() != "POST" {
        return Reply::new(StatusCode::METHOD_NOT_ALLOWED, "text/html", "");
    }
    let form = request.form();
    let answer = match first(&form, "grant_type") {
        Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => assertion(world, &form),
        Some("refresh_token") => refresh(world, request, &form),
        Some("urn:ietf:params:oauth:grant-type:token-exchange") => exchange(world, &form),
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

fn assertion(world: &World, form: &[(String, String)]) -> Answer {
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
        .and_then(|issuer| world.account(issuer))
        .ok_or_else(|| invalid_grant("Invalid grant: account not found"))?;
    if !jwt.is_signed_by([&*account.file_key(), &*account.managed_key]) {
        return Err(invalid_grant("Invalid JWT Signature."));
    }
    let is_own = |audience: &str| {
        audience == GOOGLE_URI
            || audience == world.origins.token_uri()
            || world.origins.token_uris.iter().any(|uri| uri == audience)
    };
    if !jwt.text("aud").is_some_and(is_own) {
        return Err(invalid_grant("Invalid JWT: Failed audience check."));
    }
    if !is_timely(&jwt, world.now()) {
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
        (Some(audience), _) => id_token(world, account, audience),
        (None, Some(scope)) => Ok(access_token(world, account.email(), scope)),
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

/// Here `azp` is the e-mail address, as from no other source.
fn id_token(world: &World, account: &Account, audience: &str) -> Answer {
    let now = world.now();
    let claims = json!({
        "iss": ISSUER, "sub": account.unique_id(), "azp": account.email(), "aud": audience,
        "email": account.email(), "email_verified": true,
        "iat": now, "exp": now.saturating_add(TOKEN_LIFETIME),
    });
    let token = world.id_token(&claims).map_err(|_| failure())?;
    Ok(Reply::json(StatusCode::OK, &json!({"id_token": token})))
}

fn access_token(world: &World, principal: &str, scope: &str) -> Reply {
    let token = world.access_token(principal, scope, TOKEN_LIFETIME);
    // Google's own is 3599: a second has passed since it was made.
    Reply::json(
        StatusCode::OK,
        &json!({"access_token": token, "expires_in": TOKEN_LIFETIME - 1, "token_type": "Bearer"}),
    )
}

fn failure() -> Reply {
    Reply::oauth_error(StatusCode::INTERNAL_SERVER_ERROR, "internal_failure", "")
}

/// Of a project's pool, or of an organization's workforce.
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

/// Workload identity federation
/// ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693#section-2.1)), which is Google's STS. The subject token is of
/// somebody else's provider, whom the emulator doesn't know: any is taken. The grant is the audience's, the pool's.
fn exchange(world: &World, form: &[(String, String)]) -> Answer {
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
            "access_token": world.access_token(audience, scope, TOKEN_LIFETIME), "issued_token_type": issued,
            "token_type": "Bearer", "expires_in": TOKEN_LIFETIME,
        }),
    ))
}

/// Whether gcloud's client proves itself: in the form, but to Google's STS, for a workforce pool's user, in a header.
fn is_gcloud(request: &RecordedRequest, form: &[(String, String)]) -> bool {
    let given = |name| first(form, name).unwrap_or_default();
    let pair = match request.path().ends_with(OF_WORKFORCE) {
        false => format!("{}:{}", given("client_id"), given("client_secret")),
        true => request
            .header("authorization")
            .and_then(|value| STANDARD.decode(value.strip_prefix("Basic ")?).ok())
            .and_then(|pair| String::from_utf8(pair).ok())
            .unwrap_or_default(),
    };
    pair == format!("{CLIENT_ID}:{CLIENT_SECRET}")
}

/// A user's grant: an access token, and an ID token whose audience is the client's id and nothing else.
fn refresh(world: &World, request: &RecordedRequest, form: &[(String, String)]) -> Answer {
    if !is_gcloud(request, form) {
        return Err(Reply::oauth_error(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "The OAuth client was not found.",
        ));
    }
    let grant = first(form, "refresh_token")
        .and_then(|token| world.refreshing(token))
        .ok_or_else(|| invalid_grant("Bad Request"))?;
    let scope =
        first(form, "scope").unwrap_or("openid https://www.googleapis.com/auth/cloud-platform");
    let now = world.now();
    let claims = json!({
        "iss": ISSUER, "sub": "100000000000000000001", "azp": CLIENT_ID, "aud": CLIENT_ID,
        "email": grant.principal, "email_verified": true,
        "iat": now, "exp": now.saturating_add(TOKEN_LIFETIME),
    });
    Ok(Reply::json(
        StatusCode::OK,
        &json!({
            "access_token": world.access_token(&grant.principal, scope, TOKEN_LIFETIME),
            "id_token": world.id_token(&claims).map_err(|_| failure())?,
            "expires_in": TOKEN_LIFETIME - 1, "scope": scope, "token_type": "Bearer",
        }),
    ))
}
