//! Accounts: another attached one, one of an organization, one that is impersonated at Google's own
//! endpoints.

use crate::support::watch;
use crate::support::{AUDIENCE, ROBOT, ROLE, builder, chain, from_emulator, sdk_config, with};
use aws_google_web_identity::trust_policy::TrustPolicy;
use aws_google_web_identity::{
    ApplicationDefault, ErrorKind, IamIdToken, LocalKey, MetadataServer, SignJwt, Stage,
};
use aws_google_web_identity_emulator::{Answer, Call, Emulator, Role, ServiceAccount};
use aws_smithy_async::time::{SystemTimeSource, TimeSource};
use aws_smithy_http_client::test_util::infallible_client_fn;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

const ORGANIZATION: &str = "accounts.google.com:google/organization_number";

fn metadata(emulator: &Emulator) -> MetadataServer {
    MetadataServer::new().endpoint(emulator.metadata_endpoint())
}

#[tokio::test]
async fn another_attached_account_is_addressed_by_its_email() {
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
async fn a_trust_policy_may_test_the_organization() {
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
    provider
        .session()
        .await
        .expect("the token has the organization");
    let body = emulator.requests_of(Call::GenerateIdToken);
    let body = body.last().unwrap().json().unwrap();
    assert_eq!(
        body,
        json!({"audience": AUDIENCE, "includeEmail": false, "organizationNumberIncluded": true})
    );
    // The emulator reads the claim in its documented form. Whether AWS does is not documented, so
    // the key is not among those of the token, and the judge does not admit it.
    let token = provider.id_token().await.unwrap();
    let claim = token.claims().other("google").unwrap();
    assert_eq!(claim["organization_number"], 123_456_789_012_u64);
    let keys = token.claims().aws_condition_keys();
    assert_eq!(keys.get(ORGANIZATION), None);
    let policy: TrustPolicy = policy.to_string().parse().unwrap();
    let verdict = policy.judge(&keys);
    assert!(verdict.reasons()[0].is_unknown(), "{verdict}");
}

#[tokio::test]
async fn a_key_files_token_uri_is_used_behind_any_pointer() {
    let emulator = watch::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.json");
    let error = LocalKey::from_file(&path).map(drop).unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&format!("key file {path:?}: can't be read")),
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

/// What Google answers at its own host names.
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
async fn any_caller_impersonates_at_googles_own_endpoints() {
    let user = json!({
        "type": "authorized_user", "client_id": "x", "client_secret": "hush", "refresh_token": "1//hush",
        "quota_project_id": "their-project",
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), user.to_string()).unwrap();
    let path = file.path().to_str().unwrap();
    let environments = ("GOOGLE_CLOUD_QUOTA_PROJECT", "environments-project");
    for (variables, caller, quota_project) in [
        // The attached account, then a login.
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
async fn the_suggested_policy_admits_the_token() {
    let emulator = watch::start().await;
    let provider = with(&emulator, metadata(&emulator)).await;
    let token = provider.id_token().await.unwrap();
    let policy = TrustPolicy::admitting(&token.claims().aws_condition_keys());
    emulator
        .put_role(Role::new(ROLE).trust_policy(policy.to_json_pretty()))
        .unwrap();
    provider.session().await.unwrap();
}

#[tokio::test]
async fn refusals_name_the_account_the_project_and_the_command() {
    const DELEGATE: &str = "delegate@demo-project.iam.gserviceaccount.com";
    let emulator = watch::start().await;
    let api_error = |status: u16, code: &str, message: &str| {
        let body = json!({"error": {"code": status, "message": message, "status": code}});
        Answer::status(status).body(body.to_string())
    };
    let disabled = |api: &str| {
        let message = format!(
            "{api} has not been used in project 123456789012 before or it is disabled. Enable it by \
             visiting https://console.developers.google.com/apis/api/x?project=123456789012 then retry."
        );
        api_error(403, "PERMISSION_DENIED", &message)
    };
    let of_iam = |answer: Answer| (Call::GenerateIdToken, answer);
    let missing = format!("Not found; Gaia id not found for email {DELEGATE}");
    for ((call, answer), kind, says) in [
        (
            of_iam(disabled("IAM Service Account Credentials API")),
            ErrorKind::Denied,
            "the API is off in project 123456789012: run `gcloud services enable \
             iamcredentials.googleapis.com --project=123456789012`"
                .to_owned(),
        ),
        (
            of_iam(api_error(404, "NOT_FOUND", &missing)),
            ErrorKind::Configuration,
            format!("there is no service account {DELEGATE}: was it deleted"),
        ),
        (
            of_iam(api_error(
                404,
                "NOT_FOUND",
                "Requested entity was not found.",
            )),
            ErrorKind::Configuration,
            format!("there is no service account {ROBOT}: was it deleted"),
        ),
        (
            (Call::TokenEndpoint, disabled("Security Token Service API")),
            ErrorKind::Denied,
            "run `gcloud services enable sts.googleapis.com --project=123456789012`".to_owned(),
        ),
    ] {
        let key = LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap();
        let source = IamIdToken::new(ROBOT, key).delegates([DELEGATE]);
        let provider = with(&emulator, source.endpoint(emulator.iam_endpoint())).await;
        emulator.answer_next(call, 1, answer);
        let error = provider.id_token().await.unwrap_err();
        let text = chain(&error);
        assert_eq!(error.kind(), kind, "{text}");
        assert!(text.contains(&says), "{says:?}: {text}");
        emulator.answer_genuinely();
    }
    let key = LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap();
    let provider = with(&emulator, aws_google_web_identity::JwtBearer::new(key)).await;
    let refused = "Invalid OAuth scope or ID token audience provided.";
    let answer = Answer::oauth_error(400, "invalid_scope", refused);
    emulator.answer_next(Call::TokenEndpoint, 1, answer);
    let error = chain(&provider.id_token().await.unwrap_err());
    assert!(error.contains("check the audience"), "{error}");
}
