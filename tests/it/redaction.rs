//! No secret in any Debug, Display or log, at TRACE, ours and the SDK's.

use crate::support::{ROBOT, chain, from_emulator, sts_error, with};
use aws_google_web_identity::emulator::{Answer, Emulator, Hop, ServiceAccount};
use aws_google_web_identity::{
    AccessToken, Context, IamIdToken, IamSignJwt, JwtBearer, LocalKey, MetadataServer,
    ProvideAccessToken, ProvideIdToken, SharedIdToken, SignJwt, future,
};
use std::cell::RefCell;
use std::io;
use tracing_subscriber::filter;
use tracing_subscriber::prelude::*;

thread_local! {
    /// What this thread's test logs, once it captures.
    static CAPTURED: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

struct ThisThread;

impl io::Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        CAPTURED.with_borrow_mut(|captured| {
            if let Some(captured) = captured {
                captured.extend_from_slice(bytes);
            }
        });
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One subscriber for the process: with one for each test, what a log statement is worth is decided anew
/// while others run, and now and then one is missed.
pub fn capture() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let captures = || CAPTURED.with_borrow(Option::is_some);
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(|| ThisThread)
            .with_ansi(false)
            .with_filter(filter::dynamic_filter_fn(move |_, _| captures()));
        tracing_subscriber::registry().with(layer).init();
    });
    CAPTURED.set(Some(Vec::new()));
}

/// What this thread's test has logged since it captures.
pub fn captured() -> String {
    CAPTURED.with_borrow(|captured| {
        String::from_utf8_lossy(captured.as_deref().unwrap_or_default()).into_owned()
    })
}

/// Parts of the secrets that were about: whole, or the signature of a JWT.
fn secrets(emulator: &Emulator) -> Vec<String> {
    let mut secrets = Vec::new();
    for request in emulator.requests() {
        for (name, value) in request.form() {
            if ["assertion", "WebIdentityToken"].contains(&name.as_str()) {
                secrets.extend(value.rsplit('.').next().map(str::to_owned));
            }
        }
        secrets.extend(
            request
                .header("authorization")
                .and_then(|value| value.strip_prefix("Bearer "))
                .map(str::to_owned),
        );
    }
    let key: serde_json::Value =
        serde_json::from_str(&emulator.key_file_json(ROBOT).unwrap()).unwrap();
    secrets.extend(
        key["private_key"]
            .as_str()
            .unwrap()
            .lines()
            .nth(3)
            .map(str::to_owned),
    );
    secrets
}

#[tokio::test(flavor = "current_thread")]
async fn no_secret_is_shown_by_any_flow_successful_or_not() {
    capture();
    let robot = ServiceAccount::new(ROBOT).token_creators([ROBOT]);
    let emulator = Emulator::builder()
        .service_account(robot)
        .start()
        .await
        .unwrap();
    let key = LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap();
    let metadata = MetadataServer::new().endpoint(emulator.metadata_endpoint());
    let attached = IamSignJwt::attached(metadata.clone()).endpoint(emulator.iam_endpoint());
    let mut shown = String::new();
    let mut secrets_of_sessions = Vec::new();
    let builder = || from_emulator(&emulator);
    let bearer = |signer: Box<dyn SignJwt>| JwtBearer::new(signer).token_uri(emulator.token_uri());
    let sources: [Box<dyn ProvideIdToken>; 4] = [
        Box::new(bearer(Box::new(key.clone()))),
        Box::new(metadata),
        Box::new(bearer(Box::new(attached))),
        Box::new(IamIdToken::new(ROBOT, key).endpoint(emulator.iam_endpoint())),
    ];
    // Shared, so that the token that STS echoes below is the one that it was sent.
    for source in sources.map(SharedIdToken::new) {
        let builder = builder().token_source(source.clone());
        shown += &format!("{builder:?}");
        let provider = builder.build().await.unwrap();
        let token = provider.id_token().await.unwrap();
        let session = provider.session().await.unwrap();
        shown += &format!("{provider:?} {token:?} {session:?} {:?}", token.claims());
        secrets_of_sessions.extend([
            session.credentials().secret_access_key().to_owned(),
            session.credentials().session_token().unwrap().to_owned(),
            token.expose().rsplit('.').next().unwrap().to_owned(),
        ]);
        // A server that echoes the token.
        let echo = format!("cannot take {}", token.expose());
        for answer in [
            sts_error(400, "ValidationError", &echo),
            Answer::status(500).body(echo.clone()),
            Answer::status(200).body(echo.clone()),
        ] {
            emulator.answer_next(Hop::Sts, 3, answer);
            let error = provider.refresh().await.unwrap_err();
            shown += &format!("{} {error:?}", chain(&error));
            emulator.answer_genuinely();
        }
        for hop in [
            Hop::TokenEndpoint,
            Hop::MetadataIdentity,
            Hop::SignJwt,
            Hop::GenerateIdToken,
        ] {
            emulator.answer_next(hop, 3, Answer::status(400).body(echo.clone()));
        }
        source.reject(&token);
        let error = provider.id_token().await.unwrap_err();
        shown += &format!("{} {error:?}", chain(&error));
        emulator.answer_genuinely();
    }
    shown += &format!("{emulator:?} {:?}", emulator.requests());

    let logs = String::from_utf8(CAPTURED.take().unwrap()).unwrap();
    assert!(
        logs.contains("got a role session"),
        "the logs were captured"
    );
    assert!(logs.contains("TRACE"), "at TRACE");
    let secrets: Vec<String> = secrets(&emulator)
        .into_iter()
        .chain(secrets_of_sessions)
        .collect();
    assert!(
        secrets.len() > 20 && secrets.iter().all(|secret| secret.len() > 12),
        "{}",
        secrets.len()
    );
    for secret in secrets {
        // The same in every encoding.
        let part = secret
            .split(|c: char| !c.is_ascii_alphanumeric())
            .max_by_key(|part| part.len());
        let secret = part.unwrap().to_owned();
        assert!(secret.len() >= 8, "{secret}");
        for (what, text) in [("a Debug or a message", &shown), ("the logs", &logs)] {
            if let Some(at) = text.find(&secret) {
                let from = text[..at]
                    .char_indices()
                    .rev()
                    .nth(1800)
                    .map_or(0, |(at, _)| at);
                panic!("a secret stands in {what}, after: {}", &text[from..at]);
            }
        }
    }
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
    let emulator = Emulator::start().await.unwrap();
    let key = LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap();
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
    emulator.answer_next(Hop::GenerateIdToken, 1, refusal);
    let error = with(&emulator, source).await.id_token().await.unwrap_err();
    silent(&error, access, "no: [token]");

    // STS repeats the ID token in a header, and in the body as entities.
    let provider = with(&emulator, SharedIdToken::new(JwtBearer::new(key))).await;
    let token = provider.id_token().await.unwrap().expose().to_owned();
    let signature = token.rsplit('.').next().unwrap();
    let entities: String = signature.bytes().map(|byte| format!("&#{byte};")).collect();
    let refusal = sts_error(403, "AccessDenied", &entities)
        .without_header("x-amzn-requestid")
        .header("x-amzn-requestid", signature);
    emulator.answer_next(Hop::Sts, 1, refusal);
    let error = provider.session().await.unwrap_err();
    silent(&error, signature, "AccessDenied: [token]");
}
