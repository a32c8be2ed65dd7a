use super::*;
use aws_google_web_identity::{Error, ErrorKind, Stage, TokenFn};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;
use tokio::sync::Notify;

const AUDIENCE: &str = "https://myservice.example.com";

/// A token that expires after `seconds`.
fn token(number: usize, seconds: u64) -> String {
    let now = clock::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = serde_json::json!({
        "iss": "https://accounts.google.com", "aud": AUDIENCE, "azp": "1",
        "sub": number.to_string(), "iat": now, "exp": now + seconds,
    });
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = r#"{"alg":"RS256","typ":"JWT"}"#;
    format!(
        "{}.{}.{}",
        part(header),
        part(&claims.to_string()),
        part("signature")
    )
}

/// What the source answers, one after the other: a lifetime in seconds, or an error.
const ANSWERS: [Option<u64>; 8] = [
    Some(3700),
    // The server handed out an old one.
    Some(600),
    Some(3700),
    None,
    None,
    None,
    Some(3700),
    Some(3700),
];

#[tokio::test]
async fn the_file_is_replaced_every_30_minutes_and_soon_after_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let asked = AtomicUsize::new(0);
    let source = TokenFn::new("test", move |_| {
        let number = asked.fetch_add(1, Ordering::SeqCst);
        let denied = || Error::new(Stage::Source, ErrorKind::Denied, "on purpose");
        let answer = ANSWERS[number].map(|seconds| token(number, seconds));
        async move { answer.ok_or_else(denied) }
    });
    let provider = GoogleWebIdentityProvider::builder(ANY_ROLE)
        .audience(AUDIENCE)
        .region(Region::from_static(ANY_REGION))
        .token_source(source)
        .build();
    let provider = provider.await.unwrap();

    // Each pause in seconds, and the number of the token in the file then.
    let pauses = Mutex::new(Vec::new());
    let ended = Notify::new();
    let sleep = async |pause: Duration| {
        let jwt = std::fs::read_to_string(&path).unwrap();
        let number = IdToken::parse(jwt).unwrap().claims().sub.clone();
        let is_last = {
            let mut pauses = pauses.lock().unwrap();
            pauses.push((pause.as_secs_f64().round(), number));
            pauses.len() == ANSWERS.len()
        };
        if is_last {
            ended.notify_one();
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = keep_fresh(&provider, &path, sleep) => panic!("{ended:?}"),
        () = ended.notified() => {}
    }
    let pauses = pauses.into_inner().unwrap();
    let pauses: Vec<_> = pauses
        .iter()
        .map(|(pause, number)| (*pause, number.as_str()))
        .collect();
    // A failure leaves the file as it is.
    let expected = [
        (1800.0, "0"),
        (300.0, "1"),
        (1800.0, "2"),
        (5.0, "2"),
        (10.0, "2"),
        (20.0, "2"),
        (1800.0, "6"),
        (1800.0, "7"),
    ];
    assert_eq!(pauses, expected);
}
