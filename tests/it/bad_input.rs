//! Wrong answers of servers, and the message for each. `faults` has the faults that are common to
//! all stages.

use crate::support::watch;
use crate::support::{AUDIENCE, ROBOT, chain, from_emulator, quick, with};
use aws_google_web_identity::{
    Error, ErrorKind, IamSignJwt, JwtBearer, LocalKey, MetadataServer, ProvideIdToken, Stage,
};
use aws_google_web_identity_emulator::{Answer, Call, Emulator, ServiceAccount};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use serde_json::json;

fn metadata(emulator: &Emulator) -> MetadataServer {
    MetadataServer::new().endpoint(emulator.metadata_endpoint())
}

fn local_key(emulator: &Emulator) -> JwtBearer<LocalKey> {
    JwtBearer::new(LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap())
}

/// The error that this answer causes. The next genuine answer must succeed.
async fn failure(
    emulator: &Emulator,
    source: impl ProvideIdToken + 'static,
    hop: Call,
    answer: Answer,
) -> Error {
    let provider = with(emulator, source).await;
    // More answers than the SDK makes attempts.
    emulator.answer_next(hop, 5, answer);
    let error = provider.id_token().await.unwrap_err();
    emulator.answer_genuinely();
    provider
        .id_token()
        .await
        .expect("a genuine answer succeeds");
    error
}

fn assert_error(error: &Error, stage: Stage, kind: ErrorKind, says: &[&str]) {
    let text = chain(error);
    assert_eq!((error.stage(), error.kind()), (stage, kind), "{text}");
    for says in says {
        assert!(text.contains(says), "{says:?} is not in: {text}");
    }
}

#[tokio::test]
async fn answers_of_the_metadata_server_without_an_id_token() {
    use ErrorKind::{Configuration, Denied, MalformedResponse, Throttled};
    let emulator = watch::start().await;
    let claims = |change: &str, value: serde_json::Value| {
        let mut claims = json!({
            "iss": "https://accounts.google.com", "sub": "1", "aud": AUDIENCE,
            "iat": 1_700_000_000u64, "exp": 4_000_000_000u64,
        });
        claims[change] = value;
        emulator.issue_id_token(&claims).unwrap()
    };
    let ok = |body: String| {
        Answer::status(200)
            .header("metadata-flavor", "Google")
            .body(body)
    };
    for (answer, kind, says) in [
        (
            Answer::status(200)
                .header("metadata-flavor", "Amazon")
                .body("x"),
            Configuration,
            "another server answers in place of Google's metadata server: the answer's Metadata-Flavor is \"Amazon\"",
        ),
        (
            ok("<html>Sign in to the Wi-Fi</html>".into()),
            MalformedResponse,
            "the answer is HTML",
        ),
        (ok(String::new()), MalformedResponse, "the answer is empty"),
        (
            ok(claims("exp", json!(null))),
            MalformedResponse,
            "whole seconds",
        ),
        (
            ok(claims("exp", json!(4_000_000_000.5))),
            MalformedResponse,
            "a time is \"4000000000.5\"; whole seconds",
        ),
        (
            ok(claims("exp", json!(1_700_000_001u64))),
            MalformedResponse,
            "expired",
        ),
        (
            ok(claims("aud", json!("https://other"))),
            MalformedResponse,
            "for the audience \"https://other\", not for",
        ),
        (
            ok("a".repeat(30_000)),
            MalformedResponse,
            "has 30000 characters; STS takes at most 20000",
        ),
        (
            ok("a".repeat(100_000)),
            MalformedResponse,
            "the answer is larger than 64 KiB",
        ),
        (
            Answer::status(404)
                .header("metadata-flavor", "Google")
                .body("Service account not enabled on this instance"),
            Configuration,
            "HTTP 404: Service account not enabled on this instance\n  hint: no service account \"default\" is attached",
        ),
        // The words of GKE's metadata server for an answer of IAM.
        (
            Answer::status(403).header("metadata-flavor", "Google").body(
                "Unable to generate access token; IAM returned 403 Forbidden: Permission \
                 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).\n\
                 This error could be caused by a missing IAM policy binding on the target IAM service account.\n\
                 For more information, refer to the Workload Identity documentation:\n\t\
                 https://cloud.google.com/kubernetes-engine/docs/how-to/workload-identity#authenticating_to\n\n",
            ),
            Denied,
            "workload-identity#authenticating_to\n  hint: this pod's Kubernetes account may not act as",
        ),
        (
            Answer::status(404).header("metadata-flavor", "Google").body(
                "Unable to generate access token; IAM returned 404 Not Found: Not found; Gaia id not found for email \
                 robot-with-a-long-name@demo-project-of-ours.iam.gserviceaccount.com",
            ),
            Configuration,
            "the service account \"robot-with-a-long-name@demo-project-of-ours.iam.gserviceaccount.com\" that",
        ),
        (
            Answer::status(500).header("metadata-flavor", "Google").body(
                "IAM returned 404 Not Found: Not found; Gaia id not found for email gone@p.iam.gserviceaccount.com.",
            ),
            Configuration,
            "the service account \"gone@p.iam.gserviceaccount.com\" that",
        ),
        (
            Answer::status(404).header("metadata-flavor", "Google").body(
                "Your Kubernetes service account (prod/app) is not annotated with a target Google service account, \
                 which is required",
            ),
            Configuration,
            "There are three ways out: annotate it with iam.gke.io/gcp-service-account",
        ),
        // A stranger, whatever it says.
        (
            Answer::status(404)
                .without_header("metadata-flavor")
                .body("Service account not enabled on this instance"),
            Configuration,
            "another server answers in place of Google's metadata server",
        ),
        (
            Answer::status(302).without_header("metadata-flavor"),
            Configuration,
            "the answer has no Metadata-Flavor, HTTP 302",
        ),
        (
            Answer::status(200).without_header("metadata-flavor").body("<html>"),
            Configuration,
            "check where the name leads: DNS",
        ),
        (
            Answer::status(503).without_header("metadata-flavor"),
            ErrorKind::Unavailable,
            "the answer has no Metadata-Flavor",
        ),
        (
            Answer::status(403).body(format!("the token is {}", "a".repeat(41))),
            Denied,
            "HTTP 403 with",
        ),
        (
            Answer::status(403).body("no"),
            Denied,
            "is http://127.0.0.1",
        ),
        (
            Answer::status(429).header("retry-after", "120"),
            Throttled,
            "Retry-After \"120\"",
        ),
    ] {
        let error = failure(
            &emulator,
            metadata(&emulator),
            Call::MetadataIdentity,
            answer,
        )
        .await;
        assert_error(&error, Stage::Metadata, kind, &[says]);
    }
}

#[tokio::test]
async fn an_id_token_without_a_flavor_is_accepted() {
    let emulator = watch::start().await;
    let provider = with(&emulator, metadata(&emulator)).await;
    let token = provider.id_token().await.unwrap();
    emulator.answer_next(
        Call::MetadataIdentity,
        1,
        Answer::status(200)
            .without_header("metadata-flavor")
            .body(token.expose()),
    );
    assert_eq!(provider.id_token().await.unwrap().expose(), token.expose());
}

#[tokio::test]
async fn answers_of_the_token_endpoint_without_an_id_token() {
    use ErrorKind::{Configuration, MalformedResponse, Unavailable};
    let emulator = watch::start().await;
    let grant = |description: &str| {
        Answer::status(400)
            .body(json!({"error": "invalid_grant", "error_description": description}).to_string())
    };
    for (answer, kind, says) in [
        (
            grant("Invalid JWT Signature."),
            Configuration,
            "HTTP 400 invalid_grant: Invalid JWT Signature. (account robot@demo-project.iam.gserviceaccount.com)\n  hint: the key was deleted or belongs to another account",
        ),
        (
            grant("Invalid grant: account not found"),
            Configuration,
            "the service account was deleted or disabled, or its e-mail is misspelt",
        ),
        (
            grant("The account is not associated with a project."),
            Configuration,
            "\n  hint: check the account, the key and this machine's clock",
        ),
        (
            Answer::status(400).body(r#"{"error":"temporarily_unavailable"}"#),
            Unavailable,
            "temporarily_unavailable",
        ),
        (
            Answer::status(500).body(r#"{"error":"internal_failure"}"#),
            Unavailable,
            "HTTP 500 internal_failure",
        ),
        (
            Answer::status(200).body("{}"),
            MalformedResponse,
            "the answer has no id_token",
        ),
        (
            Answer::status(200).body(r#"{"id_token": 7}"#),
            MalformedResponse,
            "isn't the JSON that was expected",
        ),
        (
            Answer::status(200).body(r#"{"id_token":"a.b"}"#),
            MalformedResponse,
            "this isn't an ID token",
        ),
    ] {
        let error = failure(&emulator, local_key(&emulator), Call::TokenEndpoint, answer).await;
        assert_error(&error, Stage::TokenEndpoint, kind, &[says]);
    }
}

#[tokio::test]
async fn a_key_unknown_to_google_is_refused() {
    let emulator = watch::start().await;
    let account = ServiceAccount::new("other@demo-project.iam.gserviceaccount.com");
    let other = watch::start_with(Emulator::builder().service_account(account)).await;
    let key = other
        .key_file_json("other@demo-project.iam.gserviceaccount.com")
        .unwrap();
    let key = JwtBearer::new(LocalKey::from_json(key).unwrap()).token_uri(emulator.token_uri());
    let provider = with(&emulator, key).await;
    let error = provider.id_token().await.unwrap_err();
    assert_error(
        &error,
        Stage::TokenEndpoint,
        ErrorKind::Configuration,
        &["invalid_grant"],
    );
}

#[tokio::test]
async fn a_pod_without_a_linked_account_has_no_email() {
    let emulator = watch::start().await;
    let answer = Answer::status(200).header("metadata-flavor", "Google");
    emulator.answer_next(
        Call::MetadataEmail,
        1,
        answer.body("demo-project.svc.id.goog"),
    );
    let signer = IamSignJwt::attached(metadata(&emulator)).endpoint(emulator.iam_endpoint());
    let source = JwtBearer::new(signer).token_uri(emulator.token_uri());
    let error = with(&emulator, source).await.session().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.to_string().contains(
            "the name of a workload identity pool, not of a service account: HTTP 200 with 24 bytes"
        ) && format!("{error:#}").contains("roles/iam.workloadIdentityUser"),
        "{error:#}"
    );
}

#[tokio::test]
async fn refusals_of_iam_name_the_role_and_the_account() {
    use ErrorKind::{Denied, MalformedResponse, Unavailable};
    let robot = ServiceAccount::new(ROBOT).token_creators([ROBOT]);
    let emulator = watch::start_with(Emulator::builder().service_account(robot)).await;
    let status = |status: u16, code: &str, message: &str| {
        let body = json!({"error": {"code": status, "message": message, "status": code}});
        Answer::status(status).body(body.to_string())
    };
    for (answer, kind, says) in [
        (
            status(
                403,
                "PERMISSION_DENIED",
                "Permission 'iam.serviceAccounts.signJwt' denied",
            ),
            Denied,
            "HTTP 403 PERMISSION_DENIED: Permission 'iam.serviceAccounts.signJwt' denied\n  hint: the caller needs roles/iam.serviceAccountTokenCreator on robot@demo-project.iam.gserviceaccount.com, also when it is that account itself, and delegates roles/iam.serviceAccountTokenCreator on the next; the API iamcredentials.googleapis.com must be enabled, and a virtual machine have the scope cloud-platform",
        ),
        (
            status(401, "UNAUTHENTICATED", "no"),
            Denied,
            "the access token was refused",
        ),
        (
            Answer::status(503),
            Unavailable,
            "signJwt as robot@demo-project.iam.gserviceaccount.com: HTTP 503",
        ),
        (
            Answer::status(200).body("{}"),
            MalformedResponse,
            "isn't the JSON that was expected",
        ),
    ] {
        let signer = IamSignJwt::attached(metadata(&emulator)).endpoint(emulator.iam_endpoint());
        let source = JwtBearer::new(signer).token_uri(emulator.token_uri());
        let error = failure(&emulator, source, Call::SignJwt, answer).await;
        assert_error(&error, Stage::Iam, kind, &[says]);
    }
}

#[tokio::test]
async fn an_access_token_or_email_without_a_flavor_is_refused() {
    let emulator = watch::start().await;
    for hop in [Call::MetadataToken, Call::MetadataEmail] {
        let signer = IamSignJwt::attached(metadata(&emulator)).endpoint(emulator.iam_endpoint());
        let source = JwtBearer::new(signer).token_uri(emulator.token_uri());
        let bare = Answer::genuine().without_header("metadata-flavor");
        let error = failure(&emulator, source, hop, bare).await;
        assert_error(
            &error,
            Stage::Metadata,
            ErrorKind::Configuration,
            &["the answer has no Metadata-Flavor"],
        );
    }
}

#[tokio::test]
async fn a_failed_connection_names_the_proxy_and_hides_its_password() {
    let emulator = watch::start().await;
    let proxy = [(
        "HTTPS_PROXY",
        "http://robot:correct-horse@proxy.example.com:3128",
    )];
    let nowhere = emulator
        .sdk_config()
        .into_builder()
        .endpoint_url("http://127.0.0.1:1")
        .service_config(NoServiceConfig)
        .build();
    let key = LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap();
    let far = JwtBearer::new(key.clone()).token_uri("http://127.0.0.1:1/token");
    let provider = |source| {
        from_emulator(&emulator)
            .configure(&quick(&nowhere))
            .token_source(source)
            .environment(proxy)
            .build()
    };
    for (source, stage) in [
        (far, Stage::TokenEndpoint),
        (JwtBearer::new(key), Stage::Sts),
    ] {
        let error = provider(source).await.unwrap().session().await.unwrap_err();
        assert_error(
            &error,
            stage,
            ErrorKind::Unavailable,
            &[
                "through the proxy \"proxy.example.com:3128\", named by HTTPS_PROXY, unless NO_PROXY",
            ],
        );
        let shown = format!("{} {error:?}", chain(&error));
        assert!(
            !shown.contains("correct-horse") && !shown.contains("robot:"),
            "{shown}"
        );
    }
}

/// A configuration without an endpoint for any service.
#[derive(Debug)]
struct NoServiceConfig;

impl LoadServiceConfig for NoServiceConfig {
    fn load_config(&self, _: ServiceConfigKey<'_>) -> Option<String> {
        None
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_named() {
    let emulator = watch::start().await;
    let nowhere = MetadataServer::new().endpoint("http://127.0.0.1:1");
    let provider = with(&emulator, nowhere).await;
    let error = provider.session().await.unwrap_err();
    assert_error(
        &error,
        Stage::Metadata,
        ErrorKind::Unavailable,
        &[
            "identity at http://127.0.0.1:1: no connection, or it broke",
            "refused",
        ],
    );
    assert!(error.is_retryable());
}
