//! What has no length of its own is given one.

use super::MAX_TEXT;
use crate::support::{builder, chain};
use aws_google_web_identity::LocalKey;
use aws_google_web_identity::trust_policy::TrustPolicy;
use serde_json::json;
use std::fs::File;
use std::path::Path;

/// As long as a file gets, without taking room.
fn endless(directory: &Path) -> String {
    let path = directory.join("endless");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    path.display().to_string()
}

#[test]
fn a_key_file_without_end_is_not_read_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let error = LocalKey::from_file(endless(directory.path())).unwrap_err();
    assert!(chain(&error).contains("more than 64 KiB"), "{error}");
}

#[tokio::test]
async fn a_credentials_file_without_end_is_not_read_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = endless(directory.path());
    let builder = builder().environment([("GOOGLE_APPLICATION_CREDENTIALS", path)]);
    let error = builder.build().await.unwrap_err();
    assert!(chain(&error).contains("more than 64 KiB"), "{error}");
}

#[tokio::test]
async fn a_subject_token_without_end_is_not_read_to_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = json!({"type": "external_account", "audience": "//iam.googleapis.com/x", "subject_token_type": "jwt",
        "service_account_impersonation_url":
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b.c:generateAccessToken",
        "credential_source": {"file": endless(directory.path())}});
    let path = directory.path().join("credentials.json");
    std::fs::write(&path, file.to_string()).unwrap();
    let path = path.display().to_string();
    let builder = builder().environment([("GOOGLE_APPLICATION_CREDENTIALS", path)]);
    let error = builder.build().await.unwrap().id_token().await.unwrap_err();
    assert!(chain(&error).contains("more than 64 KiB"), "{error}");
}

/// What the judge does grows with the product of the policy's and the token's lengths: IAM's own
/// limit, with room to spare, bounds it.
#[test]
fn a_policy_far_longer_than_iam_takes_is_no_policy() {
    let policy = |length: usize| {
        json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",
            "Action": "sts:*", "Condition": {"StringLike": {"a": "*a".repeat(length / 2)}}}]})
        .to_string()
    };
    let error = policy(8192).parse::<TrustPolicy>().unwrap_err().to_string();
    assert!(error.contains("characters without white space"), "{error}");
    assert!(error.len() < MAX_TEXT);
    assert!(policy(8000).parse::<TrustPolicy>().is_ok());
    let spacious = policy(8000) + &" ".repeat(50_000);
    assert!(spacious.parse::<TrustPolicy>().is_ok());
}
