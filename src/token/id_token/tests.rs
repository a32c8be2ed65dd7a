use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

fn claims() -> Value {
    json!({
        "iss": "https://accounts.google.com", "sub": "117291390000000000001",
        "azp": "117291390000000000001", "aud": "https://a", "iat": 1_700_000_000u64,
        "exp": 1_700_003_600u64, "email_verified": true,
    })
}

fn jwt(claims: &str) -> String {
    let encode = |part: &str| URL_SAFE_NO_PAD.encode(part);
    format!(
        "{}.{}.{}",
        encode(r#"{"alg":"RS256"}"#),
        encode(claims),
        encode("a signature")
    )
}

fn with(name: &str, value: Value) -> String {
    let mut claims = claims();
    claims[name] = value;
    jwt(&claims.to_string())
}

fn refusal(text: &str) -> String {
    let error = IdToken::parse(text).unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (ErrorKind::MalformedResponse, false)
    );
    error.to_string()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn a_token_is_read_trimmed_and_never_shown() {
    let text = jwt(&claims().to_string());
    let token = IdToken::parse(format!(" {text}\n")).unwrap();
    assert_eq!(token.expose(), text);
    assert_eq!(token.claims().sub, "117291390000000000001");
    assert_eq!(token.claims().other("email_verified"), Some(&json!(true)));
    assert_eq!(token.expires_at(), at(1_700_003_600));
    let shown = format!("{token:?}");
    assert!(shown.contains("117291390000000000001"), "{shown}");
    assert!(!text.split('.').any(|part| shown.contains(part)), "{shown}");
}

#[test]
fn an_audience_in_an_array_of_one_is_that_audience() {
    assert_eq!(
        IdToken::parse(with("aud", json!(["b"])))
            .unwrap()
            .claims()
            .aud,
        "b"
    );
    assert!(refusal(&with("aud", json!(["a", "b"]))).contains("aud isn't one string"));
    assert!(refusal(&with("aud", json!([1]))).contains("aud isn't a string"));
}

#[test]
fn what_is_no_id_token_is_refused_with_what_it_is_instead() {
    for (text, says) in [
        ("", "the answer is empty"),
        (
            "<!DOCTYPE html><title>Sign in</title>",
            "the answer is HTML",
        ),
        ("ya29.access", "this isn't an ID token: 1 dots"),
        ("a.b.c.d.e.f.g", "this isn't an ID token"),
        ("e30.%%%.e30", "second part isn't base64url"),
        ("e30.e30.", "header or signature isn't base64url"),
        ("e30.e30.e30", "missing field `iss`"),
        ("e30.W10.e30", "claims"),
    ] {
        let message = refusal(text);
        assert!(message.contains(says), "{text}: {message}");
    }
    let long = "a".repeat(30_000);
    assert!(refusal(&long).contains("has 30000 characters; STS takes at most 20000"));
}

#[test]
fn times_that_are_not_whole_seconds_are_refused_by_value() {
    for (value, says) in [
        (
            json!(1_700_003_600.5),
            "a time is \"1700003600.5\"; whole seconds since 1970",
        ),
        (json!("1700003600"), "whole seconds"),
        (json!(-1), "a time is \"-1\""),
        (json!(null), "a time is \"null\""),
        (json!(1e300), "whole seconds"),
    ] {
        let message = refusal(&with("exp", value));
        assert!(message.contains(says), "{message}");
    }
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove("exp");
    assert!(refusal(&jwt(&claims.to_string())).contains("missing field `exp`"));
    let twice = r#"{"iss":"i","sub":"s","aud":"a","exp":1,"exp":2,"iat":0}"#;
    assert!(refusal(&jwt(twice)).contains("duplicate field `exp`"));
    // A time that no clock reaches is a time all the same, or an error; never a panic.
    let _ = IdToken::parse(with("exp", json!(u64::MAX)));
}

#[test]
fn a_token_for_another_audience_or_expired_is_refused() {
    let audience: Audience = "https://a".parse().unwrap();
    let received = Received::new(at(1_700_000_001), None);
    let take = |text: &str, received: &Received| {
        IdToken::received(Stage::Metadata, text, &audience, received)
    };
    assert!(take(&jwt(&claims().to_string()), &received).is_ok());
    let error = take(&with("aud", json!("https://b")), &received).unwrap_err();
    assert_eq!(error.stage(), Stage::Metadata);
    let message = error.to_string();
    assert!(
        message.contains(r#"for the audience "https://b", not for "https://a""#),
        "{message}"
    );
    let late = Received::new(at(1_700_003_607), None);
    let message = take(&jwt(&claims().to_string()), &late)
        .unwrap_err()
        .to_string();
    assert!(message.contains("expired 7 s ago"), "{message}");
}

#[test]
fn a_local_clock_that_is_hours_off_rejects_no_fresh_token() {
    let audience: Audience = "https://a".parse().unwrap();
    // The server says 22:13:21, which is iat + 1 s; this machine is six hours ahead, or behind.
    let date = Some("Tue, 14 Nov 2023 22:13:21 GMT");
    for local in [1_700_000_001 + 6 * 3600, 1_700_000_001 - 6 * 3600] {
        let received = Received::new(at(local), date);
        let token = IdToken::received(
            Stage::TokenEndpoint,
            &jwt(&claims().to_string()),
            &audience,
            &received,
        )
        .unwrap();
        assert_eq!(token.expires_at(), at(local + 3599));
    }
    let received = Received::new(at(1_700_000_002), date);
    let token = IdToken::received(
        Stage::TokenEndpoint,
        &jwt(&claims().to_string()),
        &audience,
        &received,
    )
    .unwrap();
    assert_eq!(
        token.expires_at(),
        at(1_700_003_600),
        "within the precision of Date, exp counts"
    );
}
