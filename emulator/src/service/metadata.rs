//! Google's [metadata server](https://cloud.google.com/compute/docs/metadata/overview).

use super::Service;
use super::reply::Reply;
use crate::call::Call;
use crate::request::{RecordedRequest, decoded_path, first};
use crate::state::accounts::Account;
use crate::state::{ISSUER, State, TOKEN_LIFETIME, project_number_of};
use http::StatusCode;
use http::header::HeaderName;
use http::request::Parts;
use serde_json::{Value, json};

const ROOT: &str = "/computeMetadata/v1/";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
const ZONE: &str = "us-central1-a";

pub(crate) const NAME: &str = "metadata";

pub(super) const SERVICE: Service = Service {
    name: NAME,
    calls: &[
        Call::MetadataIdentity,
        Call::MetadataToken,
        Call::MetadataEmail,
    ],
    call,
    answer,
    headers: &[("metadata-flavor", "Google")],
};

fn call(head: &Parts) -> Call {
    let path = decoded_path(&head.uri);
    let query = head.uri.query().unwrap_or_default();
    let is_recursive = query.contains("recursive=");
    match service_account_path(&path) {
        Some((_, "identity")) => Call::MetadataIdentity,
        Some((_, "token")) => Call::MetadataToken,
        Some((_, "email")) => Call::MetadataEmail,
        Some((_, "")) if is_recursive => Call::MetadataEmail,
        _ => Call::Other,
    }
}

/// The account and the resource below it.
fn service_account_path(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix(ROOT)?
        .strip_prefix("instance/service-accounts/")?
        .split_once('/')
}

fn answer(state: &State, request: &RecordedRequest) -> Reply {
    let refused = request.header("metadata-flavor") != Some("Google")
        || request.header("x-forwarded-for").is_some();
    let path = request.decoded_path();
    // The root answers without the header, so that clients can detect the server.
    let reply = if path == "/" {
        text("computeMetadata/\n")
    } else if refused {
        Reply::new(
            StatusCode::FORBIDDEN,
            "text/html; charset=UTF-8",
            "Missing required header: Metadata-Flavor: Google\n",
        )
    } else if request.method() != "GET" {
        Reply::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "text/html; charset=UTF-8",
            "",
        )
    } else {
        resource(state, &path, &request.query())
    };
    reply
        .header(http::header::SERVER, "Metadata Server for VM")
        .header(HeaderName::from_static("x-xss-protection"), "0")
        .header(HeaderName::from_static("x-frame-options"), "SAMEORIGIN")
}

/// GKE's refusal to issue an ID token without a linked account, as
/// [gke-metadata-server](https://github.com/matheuscscp/gke-metadata-server) reproduces it.
pub(crate) fn not_annotated(namespace: &str, name: &str) -> Reply {
    Reply::new(
        StatusCode::NOT_FOUND,
        "text/plain; charset=utf-8",
        format!(
            "Your Kubernetes service account ({namespace}/{name}) is not annotated with a target Google service account, which is a requirement for retrieving Identity Tokens using Workload Identity.\nPlease add the iam.gke.io/gcp-service-account=[GSA_NAME]@[PROJECT_ID] annotation to your Kubernetes service account.\nRefer to https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity\n"
        ),
    )
}

/// The page of a web server that knows nothing of metadata.
pub(crate) fn stranger() -> Reply {
    Reply::new(
        StatusCode::NOT_FOUND,
        "text/html; charset=UTF-8",
        "<html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>\n",
    )
}

fn text(body: impl Into<String>) -> Reply {
    Reply::new(StatusCode::OK, "application/text", body.into())
}

fn resource(state: &State, path: &str, query: &[(String, String)]) -> Reply {
    let attached = state.attached();
    if let Some((name, resource)) = service_account_path(path) {
        if name != "default" && name != attached.email() {
            return Reply::new(
                StatusCode::NOT_FOUND,
                "text/html; charset=UTF-8",
                "Service account not enabled on this instance\n",
            );
        }
        return service_account(state, attached, resource, query);
    }
    match path.strip_prefix(ROOT).unwrap_or_default() {
        "" if path == ROOT => text("instance/\noslogin/\nproject/\n"),
        "project/project-id" => text(attached.project()),
        "project/numeric-project-id" => text(project_number_of(attached).to_string()),
        "universe/universe-domain" | "universe/universe_domain" => text("googleapis.com"),
        "instance/zone" => text(format!(
            "projects/{}/zones/{ZONE}",
            project_number_of(attached)
        )),
        "instance/service-accounts/" => text(format!("default/\n{}/\n", attached.email())),
        _ => Reply::not_found(),
    }
}

fn service_account(
    state: &State,
    account: &Account,
    resource: &str,
    query: &[(String, String)],
) -> Reply {
    match resource {
        "identity" => match first(query, "audience") {
            None | Some("") => Reply::new(
                StatusCode::BAD_REQUEST,
                "text/html; charset=UTF-8",
                "non-empty audience parameter required\n",
            ),
            Some(audience) => identity(state, account, audience, query),
        },
        "token" => {
            let scopes = first(query, "scopes").map(|scopes| scopes.replace(',', " "));
            let scopes = scopes.as_deref().filter(|scopes| !scopes.is_empty());
            let token =
                state.access_token(account.email(), scopes.unwrap_or(SCOPE), TOKEN_LIFETIME);
            Reply::json(
                StatusCode::OK,
                &json!({"access_token": token, "expires_in": TOKEN_LIFETIME, "token_type": "Bearer"}),
            )
        }
        "email" => text(account.email()),
        "aliases" => text("default\n"),
        "scopes" => text(format!("{SCOPE}\n")),
        "" if first(query, "recursive").is_some_and(|value| value.eq_ignore_ascii_case("true")) => {
            Reply::json(
                StatusCode::OK,
                &json!({"aliases": ["default"], "email": account.email(), "scopes": [SCOPE]}),
            )
        }
        "" => text("aliases\nemail\nidentity\nscopes\ntoken\n"),
        _ => Reply::not_found(),
    }
}

fn identity(state: &State, account: &Account, audience: &str, query: &[(String, String)]) -> Reply {
    let now = state.now();
    let mut claims = json!({
        "iss": ISSUER, "sub": account.unique_id(), "azp": account.unique_id(), "aud": audience,
        "iat": now, "exp": now.saturating_add(TOKEN_LIFETIME),
    });
    let is = |name: &str, wanted: &str| {
        first(query, name).is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    let is_full = is("format", "full");
    if is_full || state.is_gke {
        claims["email"] = json!(account.email());
        claims["email_verified"] = json!(true);
    }
    if is_full {
        claims["google"] =
            json!({"compute_engine": instance(state, account, is("licenses", "true"))});
    }
    match state.id_token(&claims) {
        Ok(token) => Reply::new(StatusCode::OK, "text/html; charset=UTF-8", token),
        Err(_) => Reply::new(StatusCode::INTERNAL_SERVER_ERROR, "text/html", ""),
    }
}

/// The claims of
/// [format=full](https://cloud.google.com/compute/docs/instances/verifying-instance-identity#payload).
fn instance(state: &State, account: &Account, with_licenses: bool) -> Value {
    let mut instance = json!({
        "project_id": account.project(), "project_number": project_number_of(account), "zone": ZONE,
        "instance_id": "4242424242424242424", "instance_name": "emulator",
        "instance_creation_timestamp": state.now().saturating_sub(86_400),
    });
    if with_licenses {
        instance["license_id"] = json!(["1000204"]);
    }
    instance
}
