//! A secret where a path or a name belongs, shown neither by an error, nor by a `Debug`, nor in a
//! log.

use super::{emulator, impersonation_url, json_of, write};
use crate::support::watch::{self, Watched};
use crate::support::{AUDIENCE, ROBOT, chain, from_emulator};
use aws_google_web_identity::{
    ApplicationDefault, Builder, ErrorKind, LocalKey, ProvideIdToken, TokenCommand, TokenFile,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// The secrets that people paste, each with a text that must not be shown.
fn secrets(emulator: &Watched) -> Vec<(String, &'static str)> {
    let key = emulator.key_file_json(ROBOT).unwrap();
    let pem = json_of(&key)["private_key"].as_str().unwrap().to_owned();
    let token = emulator.issue_id_token(&json!({"aud": AUDIENCE})).unwrap();
    vec![
        (key.clone(), "JSON"),
        (format!("\u{feff}{key}"), "JSON"),
        (format!("  '{key}'"), "JSON"),
        (pem.replace('\n', "\\n"), "a PEM"),
        (pem, "a PEM"),
        (STANDARD.encode(&key), "JSON in base64"),
        (format!("Bearer {token}"), "a token"),
        (token, "a JWT"),
    ]
}

/// The error of `build`, searched for the secrets of the emulator together with everything else
/// that is shown.
async fn refusal(builder: Builder, secret: &str) -> String {
    let shown = format!("{builder:?}");
    let error = builder.build().await.unwrap_err();
    let shown = format!("{shown} {} {error:?}", chain(&error));
    watch::shown(&shown);
    for part in secret.split(['"', '\n']).filter(|part| part.len() > 40) {
        assert!(!shown.contains(&part[..40]), "{shown}");
    }
    error.to_string()
}

#[tokio::test]
async fn a_secret_in_a_variable_for_a_path_is_refused_unseen() {
    let emulator = emulator().await;
    for (secret, kind) in secrets(&emulator) {
        let builder =
            from_emulator(&emulator).environment([("GOOGLE_APPLICATION_CREDENTIALS", &secret)]);
        let error = refusal(builder, &secret).await;
        for says in [
            kind,
            "GOOGLE_APPLICATION_CREDENTIALS: holds ",
            "(not shown), and the path of a file is expected",
            "ApplicationDefault::from_json",
            "LocalKey::from_json",
        ] {
            assert!(error.contains(says), "{says:?}: {error}");
        }
    }
}

#[tokio::test]
async fn a_secret_in_a_variable_for_a_directory_is_not_shown() {
    let emulator = emulator().await;
    for (secret, kind) in secrets(&emulator) {
        for variable in ["CLOUDSDK_CONFIG", "HOME"] {
            let builder = from_emulator(&emulator).environment([(variable, &secret)]);
            let provider = builder.build().await.unwrap();
            watch::shown(&format!("{provider:?}"));
            let error = provider.session().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotConfigured);
            let shown = chain(&error);
            assert!(shown.contains("not shown> is not there"), "{kind}: {shown}");
            watch::shown(&shown);
        }
    }
}

#[tokio::test]
async fn a_secret_in_place_of_an_argument_is_refused_unseen() {
    let emulator = emulator().await;
    for (secret, kind) in secrets(&emulator) {
        let file = TokenFile::new(&secret);
        let at_run_time = {
            let cx = aws_google_web_identity::Context::new(&emulator.sdk_config()).unwrap();
            let audience = AUDIENCE.parse().unwrap();
            file.provide_id_token(&cx, &audience).await.unwrap_err()
        };
        assert_eq!(at_run_time.kind(), ErrorKind::Configuration);
        chain(&at_run_time);
        let builder = || from_emulator(&emulator);
        let error = refusal(builder().token_source(file), &secret).await;
        assert!(
            error.contains("TokenFile::new: was given ") && error.contains(kind),
            "{error}"
        );

        let acting = ApplicationDefault::new().impersonate(&secret);
        let error = refusal(builder().token_source(acting), &secret).await;
        assert!(
            error.contains("ApplicationDefault::impersonate: is ") && error.contains(kind),
            "{error}"
        );

        let error = LocalKey::from_file(&secret).unwrap_err();
        watch::shown(&format!("{error} {error:?}"));
        assert!(error.to_string().contains(kind), "{error}");

        let command = builder().token_source(TokenCommand::new(&secret));
        watch::shown(&format!("{command:?}"));
        let provider = command.build().await.unwrap();
        let error = chain(&provider.id_token().await.unwrap_err());
        assert!(error.contains(kind), "{error}");

        let variable = "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT";
        let error = refusal(builder().environment([(variable, &secret)]), &secret).await;
        assert!(error.contains(variable), "{error}");
    }
}

#[tokio::test]
async fn a_secret_in_place_of_a_subject_tokens_path_is_refused_unseen() {
    let emulator = emulator().await;
    for (secret, kind) in secrets(&emulator) {
        let file = write(&json!({
            "type": "external_account", "audience": "//iam.googleapis.com/pool",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "credential_source": {"file": secret},
            "service_account_impersonation_url": impersonation_url(&emulator, ROBOT),
        }));
        let error = refusal(super::finding(&emulator, file.path()), &secret).await;
        assert!(
            error.contains("its credential_source.file is ") && error.contains(kind),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_path_is_shown_with_its_line_end() {
    let emulator = watch::start().await;
    let path = [("GOOGLE_APPLICATION_CREDENTIALS", "/run/key.json\r")];
    let built = from_emulator(&emulator).environment(path).build().await;
    let error = built.unwrap_err().to_string();
    assert!(error.contains("\"/run/key.json\\r\" (named by"), "{error}");
}
