//! Which account it is: another attached one, one with an organization, one that is acted as at Google's own endpoints.

use crate::support::watch;
use crate::support::{AUDIENCE, ROBOT, ROLE, builder, chain, from_emulator, sdk_config, with};
use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use aws_google_web_identity::{
    ApplicationDefault, ErrorKind, IamIdToken, IdToken, LocalKey, MetadataServer, SignJwt, Stage,
};
use aws_google_web_identity_emulator::{Call, Emulator, Role, ServiceAccount};
use aws_smithy_async::time::{SystemTimeSource, TimeSource};
use aws_smithy_http_client::test_util::infallible_client_fn;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

const ORGANIZATION: &str = "accounts.google.com:google/organization_number";

fn metadata(emulator: &Emulator) -> MetadataServer {
    MetadataServer::new().endpoint(emulator.metadata_endpoint())
}

#[tokio::test]
async fn another_of_the_attached_accounts_is_asked_for_by_its_email() {
    let emulator = watch::start().await;
    let provider = with(&emulator, metadata(&emulator).service_account(ROBOT)).await;
    provider.session().await.unwrap();
    assert_eq!(
        emulator.requests_of(Call::MetadataIdentity)[0].path(),
        format!("/computeMetadata/v1/instance/service-accounts/{ROBOT}/identity")
    );
    let other = "other@demo-project.iam.gserviceaccount.com";
    let provider = with(&emulator, metadata(&emulator).service_account(other)).await;
    let error = provider.session().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        chain(&error).contains(&format!("no service account {other:?} is attached")),
        "{error}"
    );
    let nobody =
        from_emulator(&emulator).token_source(metadata(&emulator).service_account("me/.."));
    let error = nobody.build().await.unwrap_err().to_string();
    assert!(
        error.contains("MetadataServer::service_account: \"me/..\" is not a service account"),
        "{error}"
    );
}

#[tokio::test]
async fn a_trust_policy_may_test_the_organization_of_a_token_that_was_asked_to_hold_it() {
    let robot = ServiceAccount::new(ROBOT)
        .token_creators([ROBOT])
        .organization_number(123_456_789_012);
    let emulator = watch::start_with(Emulator::builder().service_account(robot)).await;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {
            "accounts.google.com:oaud": AUDIENCE, (ORGANIZATION): "123456789012",
        }},
    }]});
    emulator
        .put_role(Role::new(ROLE).trust_policy(policy.to_string()))
        .unwrap();
    let source = IamIdToken::new(ROBOT, metadata(&emulator)).endpoint(emulator.iam_endpoint());

    let without = with(&emulator, source.clone()).await;
    let refused = without.session().await.unwrap_err();
    assert_eq!(
        (refused.stage(), refused.kind()),
        (Stage::Sts, ErrorKind::Denied)
    );
    let token = without.id_token().await.unwrap();
    assert_eq!(token.claims().aws_condition_keys().get(ORGANIZATION), None);

    let provider = with(&emulator, source.organization_number(true)).await;
    provider.session().await.expect("the token says it");
    let body = emulator.requests_of(Call::GenerateIdToken);
    let body = body.last().unwrap().json().unwrap();
    assert_eq!(
        body,
        json!({"audience": AUDIENCE, "includeEmail": false, "organizationNumberIncluded": true})
    );
    let keys = provider.id_token().await.unwrap();
    let keys = keys.claims().aws_condition_keys();
    assert_eq!(
        keys.get(ORGANIZATION),
        Some(&["123456789012".to_owned()][..])
    );
}

#[test]
fn an_organization_number_is_a_key_in_whichever_form_it_comes() {
    let keys = |google: Value| -> ConditionKeys {
        let claims = json!({
            "iss": "https://accounts.google.com", "sub": "1", "aud": AUDIENCE, "iat": 1, "exp": 2, "google": google,
        });
        let jwt = format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(claims.to_string()));
        IdToken::parse(jwt).unwrap().claims().aws_condition_keys()
    };
    for (number, key) in [
        (json!(17), Some("17")),
        (json!("17"), Some("17")),
        (json!(null), None),
    ] {
        let keys = keys(json!({ "organization_number": number }));
        let found = keys.get(ORGANIZATION).map(|values| values.join(","));
        assert_eq!(found.as_deref(), key);
    }
}

#[tokio::test]
async fn a_key_file_is_read_from_its_path_and_its_token_uri_is_used_behind_any_pointer() {
    let emulator = watch::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.json");
    let error = LocalKey::from_file(&path).map(drop).unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("key file {}: can't be read", path.display())),
        "{error}"
    );
    emulator.write_key_file(ROBOT, &path).unwrap();
    let key = LocalKey::from_file(&path).unwrap();
    let signers: [Arc<dyn SignJwt>; 2] = [Arc::new(key.clone()), Arc::new(Box::new(key))];
    for signer in signers {
        let provider = from_emulator(&emulator).signer(signer).build().await;
        provider.unwrap().session().await.unwrap();
    }
    assert_eq!(emulator.requests_of(Call::TokenEndpoint).len(), 2);
    // The older form of a key.
    let key = LocalKey::from_json(emulator.pkcs1_key_file_json(ROBOT).unwrap()).unwrap();
    let provider = from_emulator(&emulator).signer(key).build().await.unwrap();
    provider.session().await.unwrap();
}

/// What Google and AWS answer at their own names, to whoever asks.
fn google_and_aws(request: http::Request<aws_smithy_types::body::SdkBody>) -> (u16, String) {
    let host = request.uri().host().unwrap_or_default();
    match (host, request.uri().path()) {
        ("metadata.google.internal.", "/computeMetadata/v1/instance/service-accounts/default/token")
        | ("oauth2.googleapis.com", "/token") => (
            200,
            json!({"access_token": "ya29.of-the-caller", "expires_in": 3600, "token_type": "Bearer"}).to_string(),
        ),
        ("iamcredentials.googleapis.com", path) if path.ends_with(":generateIdToken") => {
            assert_eq!(request.headers()["authorization"], "Bearer ya29.of-the-caller");
            let now = SystemTimeSource::new().now();
            let now = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
            let claims = json!({
                "iss": "https://accounts.google.com", "sub": "1", "azp": "1", "aud": AUDIENCE, "iat": now,
                "exp": now + 3600,
            });
            let jwt = format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(claims.to_string()));
            (200, json!({ "token": jwt }).to_string())
        }
        _ => (404, String::new()),
    }
}

#[tokio::test]
async fn whoever_is_found_acts_as_an_account_at_googles_own_endpoints() {
    let user = json!({
        "type": "authorized_user", "client_id": "x", "client_secret": "hush", "refresh_token": "1//hush",
        "quota_project_id": "their-project",
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), user.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let environments = ("GOOGLE_CLOUD_QUOTA_PROJECT", "environments-project");
    for (variables, caller, quota_project) in [
        // The attached account, and a login.
        (
            vec![("K_SERVICE", "s"), environments],
            "http://metadata.google.internal./computeMetadata/v1/instance/service-accounts/default/token?scopes=https%3A%2F%2Fwww%2Egoogleapis%2Ecom%2Fauth%2Fcloud%2Dplatform",
            "environments-project",
        ),
        (
            vec![("GOOGLE_APPLICATION_CREDENTIALS", path)],
            "https://oauth2.googleapis.com/token",
            "their-project",
        ),
        (
            vec![("GOOGLE_APPLICATION_CREDENTIALS", path), environments],
            "https://oauth2.googleapis.com/token",
            "environments-project",
        ),
    ] {
        let asked: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let seen = asked.clone();
        let http = infallible_client_fn(move |request| {
            let project = request.headers().get("x-goog-user-project");
            let project = project.map_or("", |it| it.to_str().unwrap()).to_owned();
            seen.lock()
                .unwrap()
                .push((request.uri().to_string(), project));
            let flavor = request.uri().host() == Some("metadata.google.internal.");
            let (status, body) = google_and_aws(request);
            let answer = http::Response::builder().status(status);
            let answer = match flavor {
                true => answer.header("metadata-flavor", "Google"),
                false => answer,
            };
            answer.body(body).unwrap()
        });
        let provider = builder()
            .configure(&sdk_config().into_builder().http_client(http).build())
            .environment(variables)
            .token_source(ApplicationDefault::new().impersonate(ROBOT))
            .build()
            .await
            .unwrap();
        let token = provider.id_token().await.unwrap();
        assert_eq!(token.claims().aud, AUDIENCE);
        let iam = format!(
            "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ROBOT}:generateIdToken"
        );
        let expected = [
            (caller.to_owned(), String::new()),
            (iam, quota_project.to_owned()),
        ];
        assert_eq!(*asked.lock().unwrap(), expected);
    }
}

#[tokio::test]
async fn the_policy_that_a_token_suggests_admits_it_at_sts() {
    let emulator = watch::start().await;
    let provider = with(&emulator, metadata(&emulator)).await;
    let token = provider.id_token().await.unwrap();
    let policy = TrustPolicy::admitting(&token.claims().aws_condition_keys());
    emulator
        .put_role(Role::new(ROLE).trust_policy(policy.to_json_pretty()))
        .unwrap();
    provider.session().await.unwrap();
}
