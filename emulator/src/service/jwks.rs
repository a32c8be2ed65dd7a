//! Google's public keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)) and the OpenID
//! discovery document.

use super::reply::Reply;
use super::{Service, token_endpoint};
use crate::call::Call;
use crate::request::RecordedRequest;
use crate::state::{ISSUER, Origins, State};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use serde_json::json;

const CERTS: &str = "/oauth2/v3/certs";
const DISCOVERY: &str = "/.well-known/openid-configuration";

pub(crate) const NAME: &str = "jwks";

pub(super) const SERVICE: Service = Service {
    name: NAME,
    calls: &[Call::Jwks],
    call,
    answer,
    headers: &[],
};

/// The URI of the public keys.
pub(crate) fn uri(origins: &Origins) -> String {
    format!("{}{CERTS}", origins.of(NAME))
}

fn call(head: &Parts) -> Call {
    match head.uri.path() {
        CERTS | DISCOVERY => Call::Jwks,
        _ => Call::Other,
    }
}

fn answer(state: &State, request: &RecordedRequest) -> Reply {
    let document = match (request.method(), request.path()) {
        ("GET", CERTS) => json!({"keys": [state.google_key.jwk()]}),
        ("GET", DISCOVERY) => json!({
            "issuer": ISSUER,
            "token_endpoint": token_endpoint::uri(&state.origins),
            "jwks_uri": uri(&state.origins),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }),
        _ => return Reply::not_found(),
    };
    Reply::json(StatusCode::OK, &document).header(CACHE_CONTROL, "public, max-age=3600")
}
