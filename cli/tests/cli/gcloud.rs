//! `--gcloud`, with a `gcloud` of the test's own on the `PATH`.

use crate::support::{Machine, stderr, stdout};
use crate::{claims, fields};
use aws_google_web_identity_emulator::Call;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

const AUDIENCE: &str = "https://myservice.example.com";
/// gcloud's own client: the only audience for which it prints a person's token.
const GCLOUD_CLIENT: &str = "32555940559.apps.googleusercontent.com";

/// Notes what it is asked for, and prints the files of the test.
const GCLOUD: &str = r#"#!/bin/sh
echo "$*" >> "$HOME/asked"
cat "$HOME/$2" 2>/dev/null && exit
echo 'ERROR: Invalid account Type for `--audiences`. Requires valid service account.' >&2
exit 1
"#;

async fn machine() -> Machine {
    let machine = Machine::start().await;
    let gcloud = machine.home.path().join("bin/gcloud");
    std::fs::create_dir(machine.home.path().join("bin")).unwrap();
    std::fs::write(&gcloud, GCLOUD).unwrap();
    std::fs::set_permissions(&gcloud, std::fs::Permissions::from_mode(0o755)).unwrap();
    machine
}

async fn run(machine: &Machine, arguments: &[&str]) -> Output {
    let bin = machine.home.path().join("bin");
    let mut command = machine.command(arguments);
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    let iam = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS";
    command.env(iam, machine.emulator.iam_endpoint());
    command.output().await.unwrap()
}

/// What gcloud was asked for.
fn asked(machine: &Machine) -> String {
    std::fs::read_to_string(machine.home.path().join("asked")).unwrap_or_default()
}

#[tokio::test]
async fn gcloud_prints_the_token_of_a_service_account() {
    let machine = machine().await;
    let token = claims(&machine.emulator, 3600);
    let token = machine.emulator.issue_id_token(&token).unwrap();
    std::fs::write(machine.home.path().join("print-identity-token"), &token).unwrap();
    let output = run(&machine, &["credentials", "--gcloud"]).await;
    fields(&output);
    let expected = format!("auth print-identity-token --audiences={AUDIENCE}\n");
    assert_eq!(asked(&machine), expected);
    assert_eq!(
        machine.emulator.requests_of(Call::MetadataIdentity).len(),
        0
    );

    let output = run(&machine, &["token", "--gcloud"]).await;
    assert_eq!(stdout(&output), format!("{token}\n"));
}

#[tokio::test]
async fn a_cached_session_needs_no_gcloud_until_its_account_changes() {
    let machine = machine().await;
    let token = machine
        .emulator
        .issue_id_token(&claims(&machine.emulator, 3600));
    let home = machine.home.path();
    std::fs::write(home.join("print-identity-token"), token.unwrap()).unwrap();
    // As in an installation of gcloud.
    std::fs::create_dir(home.join("lib")).unwrap();
    std::fs::write(home.join("lib/gcloud.py"), "").unwrap();
    let directory = home.join(".config/gcloud/configurations");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("../active_config"), "default").unwrap();
    let arguments = ["credentials", "--gcloud"];
    let mut sessions = Vec::new();
    for account in ["robot", "robot", "other"] {
        let text = format!("[core]\naccount = {account}@demo.iam.gserviceaccount.com\n");
        std::fs::write(directory.join("config_default"), text).unwrap();
        sessions.push(fields(&run(&machine, &arguments).await));
    }
    assert_eq!(sessions[0], sessions[1]);
    assert_ne!(sessions[0], sessions[2]);
    assert_eq!(asked(&machine).lines().count(), 2, "{}", asked(&machine));
}

#[tokio::test]
async fn a_person_has_a_token_for_gclouds_own_client_only() {
    let machine = machine().await;
    let output = run(&machine, &["credentials", "--gcloud"]).await;
    let text = stderr(&output);
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(1), String::new())
    );
    for says in ["Invalid account Type", "--impersonate EMAIL", GCLOUD_CLIENT] {
        assert!(text.contains(says), "{text}");
    }
    let mut token = claims(&machine.emulator, 3600);
    token["aud"] = GCLOUD_CLIENT.into();
    let token = machine.emulator.issue_id_token(&token).unwrap();
    std::fs::write(machine.home.path().join("print-identity-token"), &token).unwrap();
    let output = run(
        &machine,
        &["token", "--gcloud", "--audience", GCLOUD_CLIENT],
    )
    .await;
    assert_eq!(stdout(&output), format!("{token}\n"));
    assert!(
        asked(&machine).ends_with("auth print-identity-token\n"),
        "{}",
        asked(&machine)
    );
}

#[tokio::test]
async fn gclouds_account_impersonates_another() {
    let machine = machine().await;
    let access = machine.access_token().await;
    std::fs::write(machine.home.path().join("print-access-token"), &access).unwrap();
    let account = machine.emulator.service_account_email();
    let arguments = ["credentials", "--gcloud", "--impersonate", account];
    fields(&run(&machine, &arguments).await);
    assert!(
        asked(&machine).starts_with("auth print-access-token"),
        "{}",
        asked(&machine)
    );
    let calls = machine.emulator.requests_of(Call::GenerateIdToken);
    assert_eq!(calls.len(), 1);
    let sent = calls[0].header("authorization");
    assert_eq!(sent, Some(format!("Bearer {access}").as_str()));
}

#[tokio::test]
async fn a_missing_gcloud_is_named() {
    let machine = Machine::start().await;
    let account = machine.emulator.service_account_email();
    for options in [&[][..], &["--impersonate", account]] {
        let arguments = [&["credentials", "--gcloud"], options].concat();
        let mut command = machine.command(&arguments);
        let output = command
            .env("PATH", machine.home.path())
            .output()
            .await
            .unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.lines().next().unwrap().contains("gcloud"), "{text}");
        assert!(text.contains("PATH"), "{text}");
    }
}
