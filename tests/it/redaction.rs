//! No secret in any Debug, Display or log, at TRACE, ours and the SDK's. `watch` looks for them in
//! every test that runs a flow; here the flows are run with servers that echo what they are sent,
//! and every public value is shown.

use crate::support::watch::{self, Watched, shown};
use crate::support::{AUDIENCE, Minting, ROBOT, chain, from_emulator, sts_error, with};
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{
    AccessToken, ApplicationDefault, Assertion, Audience, Context, IamIdToken, IamSignJwt,
    JwtBearer, LocalKey, MetadataServer, ProvideAccessToken, ProvideIdToken, ServiceAccountEmail,
    SharedIdToken, SignJwt, SignedJwt, TokenCommand, TokenFile, TokenFn, future,
};
use aws_google_web_identity_emulator::{Answer, Call, Emulator, ServiceAccount};
use aws_smithy_http_client::test_util::infallible_client_fn;
use std::fmt::Debug;
use std::sync::Arc;

/// Has everything shown that a signer is given and gives.
#[derive(Debug)]
struct Open<T>(T);

impl<S: SignJwt> Open<S> {
    async fn sign(
        &self,
        cx: &Context,
        assertion: &Assertion,
    ) -> Result<SignedJwt, aws_google_web_identity::Error> {
        let signed = self.0.sign_jwt(cx, assertion).await;
        shown(&format!("{assertion:?} {signed:?} {cx:?}"));
        signed
    }
}

impl<S: SignJwt> SignJwt for Open<S> {
    fn issuer<'a>(&'a self, cx: &'a Context) -> future::Issuer<'a> {
        self.0.issuer(cx)
    }

    fn sign_jwt<'a>(&'a self, cx: &'a Context, assertion: &'a Assertion) -> future::SignJwt<'a> {
        future::SignJwt::new(self.sign(cx, assertion))
    }
}

impl<A: ProvideAccessToken> ProvideAccessToken for Open<A> {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(async move {
            let token = self.0.provide_access_token(cx, scope).await;
            shown(&format!("{token:?}"));
            token
        })
    }
}

fn key(emulator: &Emulator) -> LocalKey {
    LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap()
}

/// Every way to an ID token.
fn sources(emulator: &Emulator, directory: &std::path::Path) -> Vec<Box<dyn ProvideIdToken>> {
    let metadata = || MetadataServer::new().endpoint(emulator.metadata_endpoint());
    let attached = IamSignJwt::attached(metadata()).endpoint(emulator.iam_endpoint());
    let named = IamSignJwt::new(ROBOT, Open(metadata())).endpoint(emulator.iam_endpoint());
    let impersonating = IamIdToken::new(ROBOT, Open(key(emulator)))
        .include_email(true)
        .endpoint(emulator.iam_endpoint());
    let bearer = |signer: Box<dyn SignJwt>| JwtBearer::new(signer).token_uri(emulator.token_uri());
    let now = emulator.now().duration_since(std::time::UNIX_EPOCH);
    let now = now.unwrap().as_secs();
    let claims = serde_json::json!({
        "iss": "https://accounts.google.com", "aud": AUDIENCE, "sub": emulator.service_account_id(),
        "iat": now, "exp": now + 3600,
    });
    let token = emulator.issue_id_token(&claims).unwrap();
    let file = directory.join("token");
    std::fs::write(&file, &token).unwrap();
    let mut sources: Vec<Box<dyn ProvideIdToken>> = vec![
        Box::new(bearer(Box::new(Open(key(emulator))))),
        Box::new(metadata()),
        Box::new(bearer(Box::new(Open(attached)))),
        Box::new(bearer(Box::new(named))),
        Box::new(impersonating),
        // What the environment of the test names.
        Box::new(ApplicationDefault::new()),
        Box::new(TokenCommand::new("cat").args([&file])),
        Box::new(TokenFile::new(file)),
        Box::new(TokenFn::new("vault", move |_| {
            let token = token.clone();
            async move { Ok::<_, std::io::Error>(token) }
        })),
    ];
    if cfg!(feature = "gcp-auth") {
        sources.extend(gcp_auth(emulator));
    }
    sources
}

#[cfg(feature = "gcp-auth")]
fn gcp_auth(emulator: &Emulator) -> Option<Box<dyn ProvideIdToken>> {
    let key = emulator.key_file_json(ROBOT).unwrap();
    let provider = gcp_auth::CustomServiceAccount::from_json(&key).unwrap();
    let access = aws_google_web_identity::GcpAuth::new(Arc::new(provider));
    let source = IamIdToken::new(ROBOT, Open(access)).endpoint(emulator.iam_endpoint());
    Some(Box::new(source))
}

#[cfg(not(feature = "gcp-auth"))]
fn gcp_auth(_: &Emulator) -> Option<Box<dyn ProvideIdToken>> {
    None
}

async fn watched() -> Watched {
    let robot = ServiceAccount::new(ROBOT).token_creators([ROBOT]);
    watch::start_with(Emulator::builder().service_account(robot)).await
}

fn show(value: impl Debug) {
    shown(&format!("{value:?} {value:#?}"));
}

#[tokio::test]
async fn no_secret_is_shown_by_any_flow_successful_or_not() {
    let emulator = watched().await;
    let directory = tempfile::tempdir().unwrap();
    let key_file = directory.path().join("key.json");
    emulator.write_key_file(ROBOT, &key_file).unwrap();
    for source in sources(&emulator, directory.path()) {
        // Shared, so that the token that STS echoes below is the one that it was sent.
        let source = SharedIdToken::new(source);
        let builder = from_emulator(&emulator)
            .environment([("GOOGLE_APPLICATION_CREDENTIALS", key_file.to_str().unwrap())])
            .token_source(source.clone());
        show(&builder);
        let provider = builder.build().await.unwrap();
        let token = provider.id_token().await.unwrap();
        show((&token, token.claims(), token.claims().aws_condition_keys()));
        let session = provider.session().await.unwrap();
        show((&provider, &session, session.credentials()));
        show(provider.provide_credentials().await.unwrap());
        show(emulator.issued(session.credentials().access_key_id()));
        // A server that echoes the token.
        let echo = format!("cannot take {}", token.expose());
        for answer in [
            sts_error(400, "ValidationError", &echo),
            Answer::status(500).body(echo.clone()),
            Answer::status(200).body(echo.clone()),
        ] {
            emulator.answer_next(Call::Sts, 3, answer);
            chain(&provider.refresh().await.unwrap_err());
            emulator.answer_genuinely();
        }
        for hop in [
            Call::TokenEndpoint,
            Call::MetadataIdentity,
            Call::MetadataToken,
            Call::SignJwt,
            Call::GenerateIdToken,
        ] {
            emulator.answer_next(hop, 3, Answer::status(400).body(echo.clone()));
        }
        source.reject(&token);
        if let Err(error) = provider.id_token().await {
            chain(&error);
        }
        emulator.answer_genuinely();
        show((&provider, &source));
    }
    show((&emulator, emulator.requests()));
    let logs = watch::logged();
    for logged in ["got a role session", "TRACE", "aws_smithy", "hyper"] {
        assert!(logs.contains(logged), "nothing of {logged:?} was captured");
    }
    if cfg!(feature = "gcp-auth") {
        // It works on a thread of its own.
        let logs = watch::logged_by_workers();
        assert!(logs.contains(" gcp_auth::"), "nothing of gcp_auth");
    }
    assert!(
        emulator.secrets().len() > 40,
        "{}",
        emulator.secrets().len()
    );
}

/// It prints a request that it can look into when an endpoint can't be applied to it, and at TRACE
/// unless something else hides the body.
#[tokio::test]
async fn the_sdk_cannot_look_into_a_request_that_holds_a_secret() {
    let emulator = Arc::new(watched().await);
    let (seen, sees) = std::sync::mpsc::channel();
    let http = infallible_client_fn(move |request| {
        let (length, text) = (request.headers().get("content-length"), request.body());
        seen.send((length.is_some(), text.bytes().is_some()))
            .unwrap();
        http::Response::builder().status(403).body("").unwrap()
    });
    let config = emulator.sdk_config().into_builder().http_client(http);
    let config = config.build();
    let sources: [Box<dyn ProvideIdToken>; 2] = [
        Box::new(Minting::new(&emulator)),
        Box::new(JwtBearer::new(key(&emulator))),
    ];
    for source in sources {
        let builder = from_emulator(&emulator).configure(&config);
        let provider = builder.token_source(source).build().await.unwrap();
        provider.session().await.unwrap_err();
        assert_eq!(sees.try_recv(), Ok((true, false)));
    }
}

#[tokio::test]
async fn no_value_that_holds_a_secret_shows_it() {
    let emulator = watched().await;
    let key = key(&emulator);
    let access = emulator.issue_id_token(&serde_json::json!({})).unwrap();
    show(AccessToken::new(&access, emulator.now()));
    show(SignedJwt::new(&access));
    show((
        &key,
        IamSignJwt::new(ROBOT, key.clone()),
        JwtBearer::new(key.clone()),
    ));
    let audience: Audience = AUDIENCE.parse().unwrap();
    let account: ServiceAccountEmail = ROBOT.parse().unwrap();
    show((audience, account));
}

#[tokio::test]
async fn a_profile_with_secrets_is_not_shown_by_what_was_configured_with_it() {
    use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let files = EnvConfigFiles::builder()
        .with_contents(
            EnvConfigFileKind::Config,
            format!("[default]\nregion = us-east-1\naws_secret_access_key = {secret}\n"),
        )
        .build();
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .profile_files(files)
        .no_credentials()
        .region("us-east-1")
        .load()
        .await;
    assert!(
        format!("{config:?}").contains(secret),
        "the SDK's own Debug shows it"
    );
    let builder = crate::support::builder().configure(&config);
    let context = aws_google_web_identity::Context::new(&config).unwrap();
    let shown = format!(
        "{builder:?} {context:?} {:?}",
        builder.clone().build().await.unwrap()
    );
    assert!(!shown.contains(secret), "{shown}");
    assert!(
        shown.len() < 4000,
        "{} bytes are more than anybody reads",
        shown.len()
    );
}

#[tokio::test]
async fn what_a_server_repeats_of_a_secret_is_in_no_error() {
    let emulator = watch::start().await;
    let silent = |error: &aws_google_web_identity::Error, secret: &str, says: &str| {
        let text = format!("{} {error:?}", chain(error));
        assert!(text.contains(says), "{text}");
        assert!(!text.contains(&secret[5..40]), "{text}");
    };

    // IAM repeats the access token that it was called with.
    let access = "ya29.an-access-token-that-is-long-enough-to-be-one";
    #[derive(Debug)]
    struct Fixed(&'static str);
    impl ProvideAccessToken for Fixed {
        fn provide_access_token<'a>(
            &'a self,
            cx: &'a Context,
            _: &'a str,
        ) -> future::ProvideAccessToken<'a> {
            let in_an_hour = cx.now() + std::time::Duration::from_secs(3600);
            future::ProvideAccessToken::ready(Ok(AccessToken::new(self.0, in_an_hour)))
        }
    }
    let source = IamIdToken::new(ROBOT, Fixed(access)).endpoint(emulator.iam_endpoint());
    let refusal = Answer::api_error(403, "PERMISSION_DENIED", &format!("no: {access}"));
    emulator.answer_next(Call::GenerateIdToken, 1, refusal);
    let error = with(&emulator, source).await.id_token().await.unwrap_err();
    silent(&error, access, "no: [token]");

    // STS repeats the ID token in a header, which the SDK logs by itself (SECURITY.md), and in the
    // body as entities.
    let emulator = Emulator::start().await.unwrap();
    let bearer = JwtBearer::new(key(&emulator));
    let provider = with(&emulator, SharedIdToken::new(bearer)).await;
    let token = provider.id_token().await.unwrap().expose().to_owned();
    let signature = token.rsplit('.').next().unwrap();
    let entities: String = signature.bytes().map(|byte| format!("&#{byte};")).collect();
    let refusal = sts_error(403, "AccessDenied", &entities)
        .without_header("x-amzn-requestid")
        .header("x-amzn-requestid", signature);
    emulator.answer_next(Call::Sts, 1, refusal);
    let error = provider.session().await.unwrap_err();
    silent(&error, signature, "AccessDenied: [token]");

    // So does one that repeats the session token to GetCallerIdentity.
    let provider = with(&emulator, JwtBearer::new(key(&emulator))).await;
    let session = provider.session().await.unwrap();
    let token = session.credentials().session_token().unwrap();
    let refusal = sts_error(403, "AccessDenied", token)
        .without_header("x-amzn-requestid")
        .header("x-amzn-requestid", &token[..60]);
    emulator.answer_next(Call::Sts, 1, refusal);
    let error = provider.caller_identity().await.unwrap_err();
    silent(&error, token, "AccessDenied: [token]");
    assert_eq!(error.request_id(), Some("[token]"));
}
