//! Google's [Cloud KMS](https://cloud.google.com/kms/docs/reference/rest): `encrypt` and `decrypt`
//! of symmetric keys.

mod crc32c;
mod fields;

use super::Service;
use super::iam::authorization::bearer;
use super::reply::Reply;
use crate::call::Call;
use crate::request::{RecordedRequest, decoded_path};
use crate::state::State;
use crate::state::kms::{KmsKey, KmsVersionState};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc32c::crc32c;
use fields::Fields;
use http::StatusCode;
use http::request::Parts;
use serde_json::{Value, json};

pub(crate) const NAME: &str = "kms";

pub(super) const SERVICE: Service = Service {
    name: NAME,
    calls: &[Call::KmsEncrypt, Call::KmsDecrypt],
    call,
    answer,
    headers: &[],
};

/// [The scopes](https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/encrypt#authorization-scopes)
/// that the API accepts.
const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/cloudkms",
    "https://www.googleapis.com/auth/cloud-platform",
];

fn call(head: &Parts) -> Call {
    match resource(&decoded_path(&head.uri)) {
        Some((_, "encrypt")) => Call::KmsEncrypt,
        Some((_, "decrypt")) => Call::KmsDecrypt,
        _ => Call::Other,
    }
}

/// Key and method.
fn resource(path: &str) -> Option<(&str, &str)> {
    let (name, method) = path.strip_prefix("/v1/")?.rsplit_once(':')?;
    (name.starts_with("projects/") && name.contains("/cryptoKeys/")).then_some((name, method))
}

fn answer(state: &State, request: &RecordedRequest) -> Reply {
    let path = request.decoded_path();
    let Some((name, method)) = resource(&path).filter(|_| request.method() == "POST") else {
        return Reply::not_found();
    };
    let answer = match request.call() {
        Call::KmsEncrypt => encrypt(state, request, name),
        Call::KmsDecrypt => decrypt(state, request, name),
        _ => Err(invalid(&format!("Unknown method {method}."))),
    };
    answer.unwrap_or_else(|error| error)
}

/// The answer has exactly the [documented
/// fields](https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/encrypt#response-body).
/// An int64 is a string in JSON, and a flag that is not set is left out.
fn encrypt(state: &State, request: &RecordedRequest, name: &str) -> Result<Reply, Reply> {
    let (name, number) = match name.split_once("/cryptoKeyVersions/") {
        Some((name, number)) => (name, Some(number.parse().unwrap_or_default())),
        None => (name, None),
    };
    let key = key(
        state,
        request,
        name,
        "cloudkms.cryptoKeyVersions.useToEncrypt",
    )?;
    let fields = Fields::parse(request, "plaintext", "plaintextCrc32c")?;
    state.secrets.add(&STANDARD.encode(&fields.data));
    let (number, version) = key
        .version(number)
        .ok_or_else(|| not_found("CryptoKeyVersion", &request.decoded_path()))?;
    let version_name = format!("{name}/cryptoKeyVersions/{number}");
    enabled(&version_name, version.state)?;
    let ciphertext = version
        .encrypt(&fields.data, &fields.additional)
        .ok_or_else(internal)?;
    let mut body = json!({
        "name": version_name,
        "ciphertext": STANDARD.encode(&ciphertext),
        "ciphertextCrc32c": crc32c(&ciphertext).to_string(),
        "protectionLevel": "SOFTWARE",
    });
    if fields.has_data_crc {
        body["verifiedPlaintextCrc32c"] = Value::Bool(true);
    }
    if fields.has_additional_crc {
        body["verifiedAdditionalAuthenticatedDataCrc32c"] = Value::Bool(true);
    }
    Ok(Reply::json(StatusCode::OK, &body))
}

/// [Reference](https://cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys/decrypt#response-body).
fn decrypt(state: &State, request: &RecordedRequest, name: &str) -> Result<Reply, Reply> {
    let key = key(
        state,
        request,
        name,
        "cloudkms.cryptoKeyVersions.useToDecrypt",
    )?;
    let fields = Fields::parse(request, "ciphertext", "ciphertextCrc32c")?;
    let (number, version) = key.version_of(&fields.data).ok_or_else(|| {
        invalid("Decryption failed: verify that 'name' refers to the correct CryptoKey.")
    })?;
    enabled(&format!("{name}/cryptoKeyVersions/{number}"), version.state)?;
    let plaintext = version
        .decrypt(&fields.data, &fields.additional)
        .ok_or_else(|| invalid("Decryption failed: the ciphertext is invalid."))?;
    state.secrets.add(&STANDARD.encode(&plaintext));
    let mut body = json!({
        "plaintext": STANDARD.encode(&plaintext),
        "plaintextCrc32c": crc32c(&plaintext).to_string(),
        "protectionLevel": "SOFTWARE",
    });
    if key.is_primary(number) {
        body["usedPrimary"] = Value::Bool(true);
    }
    Ok(Reply::json(StatusCode::OK, &body))
}

/// The key, if the caller may use it.
///
/// Who may use another key of the same key ring learns that a key doesn't exist, as with the role
/// on the key ring. All others get the 403 that leaves it open.
fn key(
    state: &State,
    request: &RecordedRequest,
    name: &str,
    permission: &str,
) -> Result<KmsKey, Reply> {
    let caller = bearer(state, request, &SCOPES)?;
    let denied = || {
        let message =
            format!("Permission '{permission}' denied on resource '{name}' (or it may not exist).");
        Reply::json(
            StatusCode::FORBIDDEN,
            &json!({"error": {
                "code": 403, "message": message, "status": "PERMISSION_DENIED",
                "details": [{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "IAM_PERMISSION_DENIED", "domain": "cloudkms.googleapis.com",
                    "metadata": {"permission": permission, "resource": name},
                }],
            }}),
        )
    };
    match state.kms_key(name) {
        Some(key) if key.admits(&caller) => Ok(key),
        None if state.uses_key_ring(&caller, KmsKey::new(name).key_ring()) => {
            Err(not_found("CryptoKey", name))
        }
        _ => Err(denied()),
    }
}

fn enabled(name: &str, state: KmsVersionState) -> Result<(), Reply> {
    if state == KmsVersionState::Enabled {
        return Ok(());
    }
    let state = state.name();
    let message = format!("{name} is not enabled, current state is: {state}.");
    Err(Reply::api_error(
        StatusCode::BAD_REQUEST,
        "FAILED_PRECONDITION",
        &message,
    ))
}

fn not_found(kind: &str, name: &str) -> Reply {
    let message = format!("{kind} {name} not found.");
    Reply::api_error(StatusCode::NOT_FOUND, "NOT_FOUND", &message)
}

fn invalid(message: &str) -> Reply {
    Reply::api_error(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message)
}

fn internal() -> Reply {
    let message = "Internal error encountered.";
    Reply::api_error(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", message)
}
