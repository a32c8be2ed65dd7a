//! Key files and other credentials files.

use super::{Checked, check, check_hidden, check_text, damaged};
use crate::support::{ROBOT, builder};
use aws_google_web_identity::LocalKey;
use aws_google_web_identity_emulator::Emulator;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

const SECRET: &str = "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oken-0123456789";

/// A key generated for this run.
static KEY_FILE: LazyLock<String> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let emulator = Emulator::start().await.unwrap();
        emulator.key_file_json(ROBOT).unwrap()
    })
});

fn pem() -> String {
    let file: Value = serde_json::from_str(&KEY_FILE).unwrap();
    file["private_key"].as_str().unwrap().to_owned()
}

/// The bytes are a key file, or are refused without showing the key.
fn taken_or_refused(file: &[u8]) -> Checked {
    static PEM: LazyLock<String> = LazyLock::new(pem);
    match LocalKey::from_json(file) {
        Ok(key) => check_hidden(&format!("{key:?}"), &PEM),
        Err(error) => {
            check_hidden(&check_text(&error)?, &PEM)?;
            check_hidden(&format!("{error:?}"), &PEM)
        }
    }
}

/// A file with this private key.
fn with_pem(pem: &str) -> Vec<u8> {
    let mut file: Value = serde_json::from_str(&KEY_FILE).unwrap();
    file["private_key"] = pem.into();
    file.to_string().into_bytes()
}

#[test]
fn any_bytes_are_a_key_file_or_are_refused() {
    check(500, vec(any::<u8>(), 0..200), |file| {
        taken_or_refused(&file)
    });
}

#[test]
fn a_damaged_key_file_is_refused_without_showing_the_key() {
    check(1000, damaged(vec![KEY_FILE.clone()]), |file| {
        taken_or_refused(&file)
    });
    check(
        1000,
        damaged(vec![pem(), pem().replace(" PRIVATE", " RSA PRIVATE")]),
        |pem| taken_or_refused(&with_pem(&super::text(&pem))),
    );
}

/// The text between the dashes may then be the key itself.
#[test]
fn a_pem_that_lost_a_dash_is_refused_without_showing_the_key() {
    let pem = pem();
    for damaged in [
        pem.replacen("KEY-----\n", "KEY----\n", 1),
        pem.replacen("PRIVATE KEY-----\n", "", 1),
        pem.replacen("PRIVATE KEY-----", "", 1).replace('\n', " "),
        pem.replacen("-----BEGIN PRIVATE KEY-----\n", "-----BEGIN ", 1),
    ] {
        assert!(LocalKey::from_json(with_pem(&damaged)).is_err());
        taken_or_refused(&with_pem(&damaged)).unwrap();
    }
}

fn credentials_files() -> Vec<String> {
    let url = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken";
    let user = json!({"type": "authorized_user", "client_id": "1", "client_secret": SECRET, "refresh_token": SECRET});
    let impersonated = |source: &Value| {
        json!({"type": "impersonated_service_account", "service_account_impersonation_url": url,
            "delegates": ["d@e.f"], "source_credentials": source})
    };
    let external = |source: Value| {
        json!({"type": "external_account", "audience": "//iam.googleapis.com/x", "subject_token_type": "jwt",
            "token_url": "https://sts.googleapis.com/v1/token", "service_account_impersonation_url": url,
            "credential_source": source})
    };
    [
        impersonated(&user),
        impersonated(&impersonated(&impersonated(&user))),
        external(json!({"file": "/nowhere"})),
        external(
            json!({"url": "http://169.254.169.254/token?a=b", "headers": {"Metadata": SECRET},
            "format": {"type": "json", "subject_token_field_name": "t"}}),
        ),
        external(json!({"environment_id": "aws1"})),
        user,
    ]
    .map(|file| file.to_string())
    .to_vec()
}

#[test]
fn a_damaged_credentials_file_is_refused_without_showing_a_secret() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("credentials.json");
    check(500, damaged(credentials_files()), |file| {
        std::fs::write(&path, &file).unwrap();
        let path = path.display().to_string();
        let builder = builder().environment([("GOOGLE_APPLICATION_CREDENTIALS", path)]);
        match runtime.block_on(builder.build()) {
            Ok(provider) => check_hidden(&format!("{provider:?}"), SECRET),
            Err(error) => {
                check_hidden(&format!("{error:?}"), SECRET)?;
                // Each problem is on a line of its own.
                let text = error.to_string();
                prop_assert!(text.len() < super::MAX_TEXT, "{}", text.len());
                check_hidden(&text, SECRET)
            }
        }
    });
}
