//! Google's public keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)) and the OpenID discovery document.

use super::records::{Call, RecordedRequest};
use super::reply::Reply;
use super::world::{ISSUER, World};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use serde_json::json;

const CERTS: &str = "/oauth2/v3/certs";
const DISCOVERY: &str = "/.well-known/openid-configuration";

pub(super) fn hop(path: &str) -> Call {
    match path {
        CERTS | DISCOVERY => Call::Jwks,
        _ => Call::Other,
    }
}

pub(super) fn answer(world: &World, request: &RecordedRequest) -> Reply {
    let document = match (request.method(), request.path()) {
        ("GET", CERTS) => json!({"keys": [world.google_key.jwk()]}),
        ("GET", DISCOVERY) => json!({
            "issuer": ISSUER,
            "token_endpoint": world.origins.token_uri(),
            "jwks_uri": world.origins.jwks_uri(),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }),
        _ => return Reply::not_found(),
    };
    Reply::json(StatusCode::OK, &document).header(CACHE_CONTROL, "public, max-age=3600")
}
