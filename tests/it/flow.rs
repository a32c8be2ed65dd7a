//! From a Google identity to a role session by each source, and what goes over the wire.

use crate::support::watch;
use crate::support::{AUDIENCE, Minting, ROBOT, ROLE, from_emulator, sts_error, with};
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{
    Assertion, Audience, Context, GoogleWebIdentityProvider, IamIdToken, IamSignJwt, IdToken,
    JwtBearer, LocalKey, MetadataServer, ProvideIdToken, ServiceAccountEmail, SharedIdToken,
    SignJwt, SignedJwt, future,
};
use aws_google_web_identity_emulator::{Call, Emulator, ServiceAccount};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

const CALLER: &str = "caller@demo-project.iam.gserviceaccount.com";

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

fn key(emulator: &Emulator) -> LocalKey {
    LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap()
}

fn metadata(emulator: &Emulator) -> MetadataServer {
    MetadataServer::new().endpoint(emulator.metadata_endpoint())
}

async fn seconds_until(time: SystemTime) -> u64 {
    time.duration_since(aws_smithy_async::time::TimeSource::now(
        &aws_smithy_async::time::SystemTimeSource::new(),
    ))
    .unwrap()
    .as_secs()
}

/// The form that STS receives, without the token.
fn sts_form(emulator: &Emulator) -> Vec<(String, String)> {
    let request = &emulator.requests_of(Call::Sts)[0];
    assert_eq!((request.method(), request.path()), ("POST", "/"));
    assert!(
        request.query().is_empty(),
        "the token is a secret: never in a URL"
    );
    assert_eq!(
        request.header("authorization"),
        None,
        "the call isn't signed"
    );
    let mut form = request.form();
    form.retain(|(name, _)| name != "WebIdentityToken");
    form.sort();
    form
}

#[tokio::test]
async fn a_local_key_signs_exchanges_and_assumes_the_role() {
    let emulator = watch::start().await;
    let provider = from_emulator(&emulator)
        .signer(key(&emulator))
        .session_name("me@here")
        .session_length(Duration::from_secs(1800))
        .policy(r#"{ "Version": "2012-10-17", "Statement": [] }"#)
        .policy_arns(["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"])
        .build()
        .await
        .unwrap();
    let session = provider.session().await.unwrap();

    let request = &emulator.requests_of(Call::TokenEndpoint)[0];
    let form = request.form();
    let names: Vec<_> = form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["grant_type", "assertion"]);
    assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(
        request.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let mut claims = request.assertion_claims().unwrap();
    let (iat, exp) = (
        claims["iat"].as_u64().unwrap(),
        claims["exp"].as_u64().unwrap(),
    );
    assert_eq!(exp - iat, 3600);
    claims["iat"] = Value::Null;
    claims["exp"] = Value::Null;
    assert_eq!(
        claims,
        json!({"iss": ROBOT, "aud": emulator.token_uri(), "target_audience": AUDIENCE, "iat": null, "exp": null})
    );

    assert_eq!(
        sts_form(&emulator),
        pairs(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("DurationSeconds", "1800"),
            ("Policy", r#"{"Version":"2012-10-17","Statement":[]}"#),
            (
                "PolicyArns.member.1.arn",
                "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
            ),
            ("RoleArn", ROLE),
            ("RoleSessionName", "me@here"),
            ("Version", "2011-06-15"),
        ])
    );
    assert_eq!(
        session.assumed_role_arn(),
        Some("arn:aws:sts::123456789012:assumed-role/demo/me@here")
    );
    let left = seconds_until(session.expires_at()).await;
    assert!((1790..=1800).contains(&left), "{left}");
    let issued = emulator
        .issued(session.credentials().access_key_id())
        .unwrap();
    assert_eq!(
        session.credentials().secret_access_key(),
        issued.secret_access_key()
    );
    assert_eq!(
        session.credentials().session_token(),
        Some(issued.session_token())
    );
    let account = session
        .credentials()
        .account_id()
        .map(|id| id.as_str().to_owned());
    assert_eq!(account.as_deref(), Some("123456789012"));

    let credentials = provider.provide_credentials().await.unwrap();
    assert_eq!(
        credentials.access_key_id(),
        session.credentials().access_key_id()
    );
    assert_eq!(emulator.requests().len(), 2, "two calls, then it is cached");
}

#[tokio::test]
async fn the_metadata_server_hands_out_the_id_token_directly() {
    let emulator = watch::start().await;
    let provider = with(&emulator, metadata(&emulator)).await;
    let token = provider.id_token().await.unwrap();
    assert_eq!(token.claims().aud, AUDIENCE);
    assert_eq!(
        token.claims().azp.as_deref(),
        Some(token.claims().sub.as_str())
    );
    provider.session().await.unwrap();

    let request = &emulator.requests_of(Call::MetadataIdentity)[0];
    assert_eq!(
        (request.method(), request.path()),
        (
            "GET",
            "/computeMetadata/v1/instance/service-accounts/default/identity"
        )
    );
    assert_eq!(
        request.query(),
        pairs(&[("audience", AUDIENCE), ("format", "standard")])
    );
    assert_eq!(request.header("metadata-flavor"), Some("Google"));
    assert_eq!(emulator.requests_of(Call::TokenEndpoint).len(), 0);
    let form = sts_form(&emulator);
    let names: Vec<_> = form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Action", "RoleArn", "RoleSessionName", "Version"]);
    assert_eq!(form[2].1, format!("google-{}", token.claims().sub));
}

#[tokio::test]
async fn an_attached_account_signs_for_itself() {
    let robot = ServiceAccount::new(ROBOT).token_creators([ROBOT]);
    let emulator = watch::start_with(Emulator::builder().service_account(robot)).await;
    let signer = IamSignJwt::attached(metadata(&emulator)).endpoint(emulator.iam_endpoint());
    let source = JwtBearer::new(signer).token_uri(emulator.token_uri());
    let provider = with(&emulator, source).await;
    assert_eq!(
        provider.id_token().await.unwrap().claims().azp.as_deref(),
        Some(ROBOT)
    );
    let calls: Vec<Call> = emulator
        .requests()
        .iter()
        .map(|request| request.call())
        .collect();
    assert_eq!(
        calls,
        [
            Call::MetadataEmail,
            Call::MetadataToken,
            Call::SignJwt,
            Call::TokenEndpoint
        ]
    );

    let request = &emulator.requests_of(Call::SignJwt)[0];
    assert_eq!(
        request.path(),
        format!("/v1/projects/-/serviceAccounts/{ROBOT}:signJwt")
    );
    let body = request.json().unwrap();
    let names: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["payload"]);
    let payload: Value = serde_json::from_str(body["payload"].as_str().unwrap()).unwrap();
    assert_eq!(payload["iss"], ROBOT);
    assert_eq!(payload["target_audience"], AUDIENCE);
    assert!(payload["exp"].is_u64());
    provider.session().await.unwrap();
}

#[tokio::test]
async fn one_account_signs_as_another_through_delegates() {
    let middle = "middle@demo-project.iam.gserviceaccount.com";
    let accounts = Emulator::builder()
        .service_account(ServiceAccount::new(ROBOT).token_creators([middle]))
        .service_account(ServiceAccount::new(middle).token_creators([CALLER]))
        .service_account(ServiceAccount::new(CALLER));
    let emulator = watch::start_with(accounts).await;
    // The caller authenticates with its own key.
    let caller = LocalKey::from_json(emulator.key_file_json(CALLER).unwrap()).unwrap();
    let signer = IamSignJwt::new(ROBOT, caller.clone()).endpoint(emulator.iam_endpoint());
    let source = |signer: IamSignJwt| JwtBearer::new(signer).token_uri(emulator.token_uri());
    let direct = with(&emulator, source(signer.clone())).await;
    let refused = format!("{:#}", direct.session().await.unwrap_err());
    assert!(refused.contains("iam.serviceAccounts.signJwt"), "{refused}");
    assert!(
        refused.contains(&format!(
            "the caller needs roles/iam.serviceAccountTokenCreator on {ROBOT}"
        )),
        "{refused}"
    );
    let provider = with(&emulator, source(signer.delegates([middle]))).await;
    provider.session().await.unwrap();
    let body = emulator
        .requests_of(Call::SignJwt)
        .last()
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(
        body["delegates"],
        json!([format!("projects/-/serviceAccounts/{middle}")])
    );

    let token = IamIdToken::new(ROBOT, caller)
        .delegates([format!("projects/-/serviceAccounts/{middle}")])
        .include_email(true)
        .endpoint(emulator.iam_endpoint());
    let provider = with(&emulator, token).await;
    let token = provider.id_token().await.unwrap();
    assert_eq!(token.claims().email.as_deref(), Some(ROBOT));
    provider.session().await.unwrap();
    assert_eq!(
        emulator.requests_of(Call::GenerateIdToken)[0]
            .json()
            .unwrap(),
        json!({"audience": AUDIENCE, "includeEmail": true, "delegates": [format!("projects/-/serviceAccounts/{middle}")]})
    );
}

#[tokio::test]
async fn custom_signers_and_sources_work() {
    #[derive(Debug)]
    struct Mine(LocalKey);
    impl SignJwt for Mine {
        fn issuer<'a>(&'a self, cx: &'a Context) -> future::Issuer<'a> {
            self.0.issuer(cx)
        }
        fn sign_jwt<'a>(
            &'a self,
            cx: &'a Context,
            assertion: &'a Assertion,
        ) -> future::SignJwt<'a> {
            assert_eq!(
                assertion.issuer(),
                &ROBOT.parse::<ServiceAccountEmail>().unwrap()
            );
            assert!(assertion.claims_json().contains(AUDIENCE));
            future::SignJwt::new(async move {
                let signed: SignedJwt = self.0.sign_jwt(cx, assertion).await?;
                Ok(signed)
            })
        }
    }
    struct Fixed(String);
    impl std::fmt::Debug for Fixed {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Fixed")
        }
    }
    impl ProvideIdToken for Fixed {
        fn provide_id_token<'a>(
            &'a self,
            _: &'a Context,
            _: &'a Audience,
        ) -> future::ProvideIdToken<'a> {
            future::ProvideIdToken::ready(IdToken::parse(&self.0))
        }
    }
    let emulator = watch::start().await;
    let source = JwtBearer::new(Mine(key(&emulator))).token_uri(emulator.token_uri());
    let provider = with(&emulator, source).await;
    let token = provider.id_token().await.unwrap();
    let provider = with(&emulator, Fixed(format!("{}\n", token.expose()))).await;
    provider.session().await.unwrap();
}

#[tokio::test]
async fn the_environment_alone_is_sufficient() {
    let emulator = watch::start().await;
    let provider = GoogleWebIdentityProvider::from_env()
        .configure(&emulator.sdk_config())
        .environment(emulator.env())
        .build()
        .await
        .unwrap();
    provider.session().await.unwrap();
    assert_eq!(emulator.requests_of(Call::MetadataIdentity).len(), 1);

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), emulator.key_file_json(ROBOT).unwrap()).unwrap();
    let mut variables = emulator.env();
    variables.push((
        "GOOGLE_APPLICATION_CREDENTIALS".to_owned(),
        file.path().to_str().unwrap().to_owned(),
    ));
    let provider = GoogleWebIdentityProvider::from_env()
        .configure(&emulator.sdk_config())
        .environment(variables)
        .build()
        .await
        .unwrap();
    provider.session().await.unwrap();
    assert_eq!(emulator.requests_of(Call::TokenEndpoint).len(), 1);
}

#[tokio::test]
async fn a_token_that_sts_rejects_is_replaced_once() {
    let emulator = Arc::new(watch::start().await);
    for code in ["ExpiredTokenException", "InvalidIdentityToken"] {
        for (refusals, works) in [(1, true), (9, false)] {
            let source = Minting::new(&emulator);
            let tokens = source.tokens.clone();
            let provider = with(&emulator, source).await;
            let before = emulator.requests_of(Call::Sts).len();
            emulator.answer_next(
                Call::Sts,
                refusals,
                sts_error(400, code, "Token is not good."),
            );
            let result = provider.session().await;
            emulator.answer_genuinely();
            match result {
                Ok(_) => assert!(works),
                Err(error) => assert_eq!((works, error.code()), (false, Some(code))),
            }
            assert_eq!(tokens.load(Ordering::SeqCst), 2, "a fresh one, once");
            assert_eq!(emulator.requests_of(Call::Sts).len() - before, 2);
        }
    }
}

#[tokio::test]
async fn the_identical_token_is_not_sent_twice() {
    #[derive(Debug)]
    struct Stubborn(IdToken, Arc<AtomicU64>);
    impl ProvideIdToken for Stubborn {
        fn provide_id_token<'a>(
            &'a self,
            _: &'a Context,
            _: &'a Audience,
        ) -> future::ProvideIdToken<'a> {
            future::ProvideIdToken::ready(Ok(self.0.clone()))
        }
        fn reject(&self, token: &IdToken) {
            assert_eq!(token, &self.0);
            self.1.fetch_add(1, Ordering::SeqCst);
        }
    }
    let emulator = Arc::new(watch::start().await);
    let minting = with(&emulator, Minting::new(&emulator)).await;
    let rejected = Arc::new(AtomicU64::new(0));
    let stubborn = Stubborn(minting.id_token().await.unwrap(), rejected.clone());
    let provider = with(&emulator, stubborn).await;
    emulator.answer_next(
        Call::Sts,
        1,
        sts_error(400, "ExpiredTokenException", "Too old."),
    );
    let error = format!("{:#}", provider.session().await.unwrap_err());
    assert!(
        error.contains("Too old.") && error.contains("it was not sent twice"),
        "{error}"
    );
    assert_eq!(
        rejected.load(Ordering::SeqCst),
        1,
        "the source was told to forget it"
    );
    assert_eq!(emulator.requests_of(Call::Sts).len(), 1);
}

#[tokio::test]
async fn several_roles_share_one_token() {
    let emulator = Arc::new(watch::start().await);
    let source = Minting::new(&emulator);
    let tokens = source.tokens.clone();
    let shared = SharedIdToken::new(source);
    let mut providers = Vec::new();
    for _ in 0..5 {
        providers.push(with(&emulator, shared.clone()).await);
    }
    let sessions = futures_util::future::join_all(providers.iter().map(|it| it.session())).await;
    assert!(sessions.iter().all(Result::is_ok));
    assert_eq!(
        (
            tokens.load(Ordering::SeqCst),
            emulator.requests_of(Call::Sts).len()
        ),
        (1, 5)
    );
    // A token that STS rejects is dropped for all of them.
    emulator.answer_next(Call::Sts, 1, sts_error(400, "InvalidIdentityToken", "no"));
    providers[0].refresh().await.unwrap();
    assert_eq!(tokens.load(Ordering::SeqCst), 2);
    providers[1].refresh().await.unwrap();
    assert_eq!(tokens.load(Ordering::SeqCst), 2);
}
