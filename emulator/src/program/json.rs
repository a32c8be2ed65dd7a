//! `--json`: a description as one line of JSON; for each line of stdin the requests since, as one
//! line of JSON without secrets. Ends with stdin.

use super::arguments::Arguments;
use super::{environment, s3};
use aws_google_web_identity_emulator::{
    DEFAULT_KMS_KEY, DEFAULT_SERVICE_ACCOUNT, Emulator, EmulatorBuilder, RecordedRequest,
    ServiceAccount,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// Principals that may act as the service account, besides itself.
const USER: &str = "user@example.com";
const POOL: &str = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/provider";
const WORKFORCE_POOL: &str =
    "//iam.googleapis.com/locations/global/workforcePools/pool/providers/provider";
/// An account that may act as the service account too. The user may act as this one.
const DELEGATE: &str = "delegate@demo-project.iam.gserviceaccount.com";

/// The accounts for credentials files of each type.
pub(super) fn builder() -> EmulatorBuilder {
    let creators = [
        DEFAULT_SERVICE_ACCOUNT,
        USER,
        POOL,
        WORKFORCE_POOL,
        DELEGATE,
    ];
    let delegate = ServiceAccount::new(DELEGATE).token_creators([USER, DEFAULT_SERVICE_ACCOUNT]);
    Emulator::builder()
        .service_account(ServiceAccount::new(DEFAULT_SERVICE_ACCOUNT).token_creators(creators))
        .service_account(delegate)
}

pub(super) async fn run(
    arguments: &Arguments,
    builder: EmulatorBuilder,
) -> Result<(), Box<dyn Error>> {
    let emulator = builder.start().await?;
    let s3 = s3::start(arguments, &emulator)?;
    let directory = tempfile::tempdir()?;
    let key_file = directory.path().join("key.json");
    emulator.write_key_file(emulator.service_account_email(), &key_file)?;
    let env: BTreeMap<_, _> = environment(&emulator, s3.as_ref()).into_iter().collect();
    let description = json!({
        "metadata_host": emulator.metadata_host(),
        "token_uri": emulator.token_uri(),
        "iam_endpoint": emulator.iam_endpoint(),
        "jwks_uri": emulator.jwks_uri(),
        "kms_endpoint": emulator.kms_endpoint(),
        "kms_key": DEFAULT_KMS_KEY,
        "sts_endpoint": emulator.sts_endpoint(),
        "env": env,
        "key_file": key_file,
        "authorized_user": emulator.authorized_user_json(USER),
        "pool": POOL,
        "workforce_pool": WORKFORCE_POOL,
        "delegate": DELEGATE,
        "audience": emulator.audience(),
        "role_arn": emulator.role_arn(),
        "service_account": {
            "email": emulator.service_account_email(),
            "unique_id": emulator.service_account_id(),
        },
    });
    println!("{description}");
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while lines.next_line().await?.is_some() {
        let records: Vec<Value> = emulator.requests().iter().map(record).collect();
        emulator.forget_requests();
        println!("{}", Value::from(records));
    }
    Ok(())
}

/// A request, with the claims in place of tokens, and without other secrets.
fn record(request: &RecordedRequest) -> Value {
    let headers: Map<_, _> = request
        .headers()
        .map(|(name, value)| match name {
            "authorization" => (name, value.split(' ').next().unwrap_or_default()),
            _ => (name, value),
        })
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let form: Map<_, _> = match request.json() {
        Some(Value::Object(fields)) => fields,
        _ => request
            .form()
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect(),
    };
    let body: Map<_, _> = form
        .into_iter()
        .map(|(name, value)| {
            let value = without_secret(&name, value);
            (name, value)
        })
        .collect();
    json!({
        "call": format!("{:?}", request.call()), "method": request.method(), "path": request.path(),
        "query": request.query(), "headers": headers, "body": body,
    })
}

fn without_secret(name: &str, value: Value) -> Value {
    let jwt = value.as_str().and_then(|text| {
        let part = |part: &str| -> Option<Value> {
            let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
            serde_json::from_slice(&bytes).ok()
        };
        let mut parts = text.split('.');
        Some(json!({ "header": part(parts.next()?)?, "claims": part(parts.next()?)? }))
    });
    match name {
        _ if jwt.is_some() => jwt.into(),
        "refresh_token" | "client_secret" | "subject_token" | "plaintext" => "secret".into(),
        _ => value,
    }
}
