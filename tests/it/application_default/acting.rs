//! Credentials from a secret store, and an account to act as that code or environment names.

use super::{CALLER, emulator, finding, is_robot, json_of, write};
use crate::support::watch;
use crate::support::{ROBOT, chain, from_emulator};
use aws_google_web_identity::{ApplicationDefault, Builder};
use aws_google_web_identity_emulator::{Call, Emulator, ServiceAccount};
use serde_json::json;

const VARIABLE: &str = "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT";

fn acting(emulator: &Emulator) -> ApplicationDefault {
    ApplicationDefault::new().iam_endpoint(emulator.iam_endpoint())
}

/// Which account the last call for an ID token was for, and through which delegates.
fn last_call(emulator: &Emulator) -> (String, serde_json::Value) {
    let calls = emulator.requests_of(Call::GenerateIdToken);
    let call = calls.last().unwrap();
    let account = call.path().rsplit('/').next().unwrap();
    let account = account.trim_end_matches(":generateIdToken").to_owned();
    (account, call.json().unwrap()["delegates"].clone())
}

#[tokio::test]
async fn json_from_a_secret_store_needs_no_file() {
    let emulator = emulator().await;
    let key = emulator.key_file_json(ROBOT).unwrap();
    let user = emulator.authorized_user_json("user@example.com");
    let from_json = |json: &str| ApplicationDefault::from_json(json).unwrap();
    for (source, calls) in [
        (from_json(&key), 0),
        (
            from_json(&user)
                .impersonate(ROBOT)
                .iam_endpoint(emulator.iam_endpoint()),
            1,
        ),
    ] {
        // It looks for no other file.
        let variables = [("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")];
        let builder = from_emulator(&emulator).environment(variables);
        let provider = builder.token_source(source).build().await.unwrap();
        watch::shown(&format!("{provider:?}"));
        is_robot(&emulator, &provider.id_token().await.unwrap());
        assert_eq!(emulator.requests_of(Call::GenerateIdToken).len(), calls);
    }
    let alone = from_emulator(&emulator).token_source(from_json(&user));
    let error = alone.build().await.unwrap_err().to_string();
    assert!(
        error.contains("ApplicationDefault::from_json: is an authorized_user"),
        "{error}"
    );
    for (json, says) in [
        ("", "ApplicationDefault::from_json: is empty"),
        ("{}", "has no \"type\""),
        (&key[..300], "is truncated"),
        (r#"{"type": "authorized_user"}"#, "has no \"client_id\""),
    ] {
        let error = ApplicationDefault::from_json(json).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_variable_names_the_account_to_act_as() {
    let emulator = emulator().await;
    let file = write(&json_of(&emulator.authorized_user_json("user@example.com")));
    let path = file.path().to_str().unwrap();
    let builder = |account: &str| -> Builder {
        let variables = [
            ("GOOGLE_APPLICATION_CREDENTIALS", path),
            (VARIABLE, account),
        ];
        from_emulator(&emulator).environment(variables)
    };
    let as_robot = json!([format!("projects/-/serviceAccounts/{CALLER}")]);
    for (account, delegates) in [
        (ROBOT.to_owned(), json!(null)),
        (format!(" {ROBOT}\n"), json!(null)),
        // As gcloud has it, the last one is impersonated through the others.
        (format!("{CALLER}, {ROBOT}"), as_robot),
    ] {
        let source = acting(&emulator);
        let provider = builder(&account).token_source(source).build().await;
        is_robot(&emulator, &provider.unwrap().id_token().await.unwrap());
        assert_eq!(last_call(&emulator), (ROBOT.to_owned(), delegates));
    }

    // The setter wins.
    let source = acting(&emulator).impersonate(ROBOT);
    let provider = builder(CALLER).token_source(source).build().await.unwrap();
    is_robot(&emulator, &provider.id_token().await.unwrap());

    let error = builder("robot").build().await.unwrap_err().to_string();
    assert!(
        error.contains("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT: \"robot\" is not"),
        "{error}"
    );
    let source = ApplicationDefault::new().iam_endpoint("http://iam.example.com");
    let built = builder(ROBOT).token_source(source).build().await;
    let error = built.unwrap_err().to_string();
    assert!(
        error.contains("ApplicationDefault::iam_endpoint: \"http://iam.example.com\" would send"),
        "{error}"
    );
}

/// It needs no role on itself.
#[tokio::test]
async fn a_file_that_acts_as_the_account_already_is_used_as_it_is() {
    let robot = ServiceAccount::new(ROBOT).token_creators(["user@example.com"]);
    let emulator = watch::start_with(Emulator::builder().service_account(robot)).await;
    let file = write(&json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": super::impersonation_url(&emulator, ROBOT),
        "source_credentials": json_of(&emulator.authorized_user_json("user@example.com")),
    }));
    let source = acting(&emulator).impersonate(ROBOT);
    let provider = finding(&emulator, file.path()).token_source(source);
    let provider = provider.build().await.unwrap();
    is_robot(&emulator, &provider.id_token().await.unwrap());
    assert!(emulator.requests_of(Call::GenerateAccessToken).is_empty());
}

#[tokio::test]
async fn a_clone_that_acts_as_another_account_shares_no_choice() {
    let emulator = emulator().await;
    let file = write(&json_of(&emulator.key_file_json(CALLER).unwrap()));
    let own = acting(&emulator);
    let robot = own.clone().impersonate(ROBOT);
    let subject = async |source| {
        let builder = finding(&emulator, file.path()).token_source(source);
        let token = builder.build().await.unwrap().id_token().await;
        token
            .map(|it| it.claims().sub.clone())
            .map_err(|it| chain(&it))
    };
    let caller = subject(own).await.unwrap();
    assert_ne!(subject(robot).await.unwrap(), caller);
}
