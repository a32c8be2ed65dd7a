//! `trust-policy`: what it prints, and how it judges a file.

use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use aws_google_web_identity_emulator::Emulator;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const AUDIENCE: &str = "https://myservice.example.com";
const SUB: &str = "117291390000000000001";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aws-google-web-identity"));
    command.arg("trust-policy").args(arguments).env_clear();
    command.env("CLOUDSDK_CONFIG", "/nonexistent");
    // Nothing may be asked for an identity that is given.
    command.env("GCE_METADATA_HOST", "127.0.0.1:1");
    command
}

/// For the given identity.
fn given(arguments: &[&str]) -> Output {
    let mut command = command(&["--sub", SUB, "--audience", AUDIENCE]);
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn policy(directory: &Path, condition: &Value) -> PathBuf {
    let path = directory.join("trust.json");
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}]});
    std::fs::write(&path, policy.to_string()).unwrap();
    path
}

/// Exit status, standard output and standard error of `--check` for a policy with this condition.
fn checked(condition: &Value) -> (Option<i32>, String, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = policy(directory.path(), condition);
    let output = given(&["--check", path.to_str().unwrap()]);
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn the_policy_of_a_given_identity_needs_no_call() {
    let output = given(&[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stderr), "");
    let printed: TrustPolicy = text(&output.stdout).parse().unwrap();
    let keys = |sub| ConditionKeys::from_claims(Some(sub), AUDIENCE, sub);
    assert!(printed.judge(&keys(SUB)).is_admitted());
    assert!(!printed.judge(&keys("117291390000000000002")).is_admitted());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_of_the_identity_at_hand_admits_its_token() {
    let emulator = Emulator::start().await.unwrap();
    let mut command = tokio::process::Command::from(command(&[]));
    let output = command.envs(emulator.env()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        printed["Statement"][0]["Condition"],
        json!({"StringEquals": {
            "accounts.google.com:sub": emulator.service_account_id(),
            "accounts.google.com:oaud": emulator.audience()}})
    );
}

#[test]
fn terraform_reads_it_as_a_data_source() {
    let output = given(&["--format", "terraform"]);
    assert_eq!(
        text(&output.stdout),
        r#"data "aws_iam_policy_document" "assume_role" {
  statement {
    effect  = "Allow"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["accounts.google.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:oaud"
      values   = ["https://myservice.example.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:sub"
      values   = ["117291390000000000001"]
    }
  }
}
"#
    );
}

#[test]
fn a_policy_that_admits_it_is_said_to() {
    let (status, stdout, stderr) = checked(&json!({"StringEquals": {
        "accounts.google.com:sub": SUB, "accounts.google.com:oaud": AUDIENCE}}));
    assert_eq!(
        stdout,
        "The policy admits this identity.

The identity, as AWS sees it:
  accounts.google.com:aud = \"117291390000000000001\"
  accounts.google.com:oaud = \"https://myservice.example.com\"
  accounts.google.com:sub = \"117291390000000000001\"
"
    );
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
}

#[test]
fn each_condition_that_fails_is_listed() {
    let (status, stdout, stderr) = checked(&json!({
        "StringEquals": {"accounts.google.com:aud": AUDIENCE, "accounts.google.com:sub": "1"}}));
    assert_eq!(
        stdout,
        "The policy does not admit this identity:
- statement 1: StringEquals of accounts.google.com:aud wants \"https://myservice.example.com\", the token has \"117291390000000000001\" (:aud is the token's azp; the audience that was asked for is accounts.google.com:oaud)
- statement 1: StringEquals of accounts.google.com:sub wants \"1\", the token has \"117291390000000000001\"

The identity, as AWS sees it:
  accounts.google.com:aud = \"117291390000000000001\"
  accounts.google.com:oaud = \"https://myservice.example.com\"
  accounts.google.com:sub = \"117291390000000000001\"

The same command without --check prints a policy that admits it.
"
    );
    assert_eq!((status, stderr.as_str()), (Some(1), ""));
}

#[test]
fn what_cannot_be_judged_is_no_refusal() {
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {"accounts.google.com:sub": SUB}}}]});
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.json");
    std::fs::write(&path, policy.to_string()).unwrap();
    let output = given(&["--check", path.to_str().unwrap()]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let says = "It is unknown whether the policy admits this identity:\n- statement 1: unknown: ";
    assert!(stdout.starts_with(says), "{stdout}");
    assert!(
        stderr.contains("warning: what is unknown above may admit others"),
        "{stderr}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_policy_without_an_identity_is_warned_of() {
    let (status, _, stderr) =
        checked(&json!({"StringEquals": {"accounts.google.com:oaud": AUDIENCE}}));
    assert_eq!(status, Some(0));
    assert_eq!(
        stderr,
        "warning: the policy admits every Google account: a caller chooses the audience of its \
         token. Pin accounts.google.com:sub as well as accounts.google.com:oaud\n"
    );
}

#[test]
fn a_policy_without_an_audience_is_warned_of() {
    let (status, _, stderr) = checked(&json!({"StringEquals": {"accounts.google.com:sub": SUB}}));
    assert_eq!(status, Some(0));
    assert!(
        stderr.starts_with("warning: the policy admits a token of this identity for any audience")
    );
}

#[test]
fn wrong_usage_is_2_and_a_bad_file_is_1() {
    let directory = tempfile::tempdir().unwrap();
    let path = |text: &str| {
        let path = directory.path().join("bad.json");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let output = command(&["--sub", SUB]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("--audience (TARGET_AUDIENCE): is not set"));

    let email = [
        "--audience",
        AUDIENCE,
        "--sub",
        "robot@p.iam.gserviceaccount.com",
    ];
    let output = command(&email).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("gcloud iam service-accounts describe"));

    let output = given(&["--check", "/nonexistent.json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the trust policy \"/nonexistent.json\""));

    let output = given(&["--check", &path("{}")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("not a trust policy"));

    let role = r#"{"Role": {"AssumeRolePolicyDocument": {}}}"#;
    let output = given(&["--check", &path(role)]);
    assert!(text(&output.stderr).contains("--query Role.AssumeRolePolicyDocument"));
    assert_eq!(text(&output.stdout), "");
}
