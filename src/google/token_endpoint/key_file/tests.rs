use crate::google::token_endpoint::LocalKey;
use crate::token::SignJwt;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::OnceLock;

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn pkcs8() -> &'static [u8] {
    static KEY: OnceLock<Vec<u8>> = OnceLock::new();
    KEY.get_or_init(|| {
        KeyPair::generate(KeySize::Rsa2048)
            .unwrap()
            .as_der()
            .unwrap()
            .as_ref()
            .to_vec()
    })
}

/// The key itself: what PKCS#8 wraps, behind a header of 26 bytes for 2048 bits.
fn pkcs1() -> &'static [u8] {
    &pkcs8()[26..]
}

fn file() -> Value {
    json!({
        "type": "service_account", "project_id": "demo", "private_key_id": "0a1b",
        "client_email": "robot@demo.iam.gserviceaccount.com",
        "private_key": pem("PRIVATE KEY", pkcs8()),
        "token_uri": "https://oauth2.googleapis.com/token", "universe_domain": "googleapis.com",
    })
}

fn with(field: &str, value: impl Into<Value>) -> String {
    let mut file = file();
    file[field] = value.into();
    file.to_string()
}

fn refusal(json: &str) -> String {
    let error = LocalKey::from_json(json).unwrap_err();
    let text = format!("{error} {error:?}");
    for line in pem("", pkcs8()).lines().filter(|line| line.len() == 64) {
        assert!(!text.contains(line), "a line of the key is shown: {text}");
    }
    error.to_string()
}

#[test]
fn a_key_of_pkcs8_or_pkcs1_is_read_and_never_shown() {
    for private_key in [pem("PRIVATE KEY", pkcs8()), pem("RSA PRIVATE KEY", pkcs1())] {
        let key = LocalKey::from_json(with("private_key", private_key)).unwrap();
        assert_eq!(key.email().as_str(), "robot@demo.iam.gserviceaccount.com");
        assert_eq!(
            SignJwt::token_uri(&key),
            Some("https://oauth2.googleapis.com/token")
        );
        let shown = format!("{key:?}");
        assert!(
            shown.contains("0a1b") && !shown.contains("PRIVATE"),
            "{shown}"
        );
    }
}

#[test]
fn what_is_no_service_account_key_is_refused_by_field_and_rule() {
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .unwrap()
        .to_pkcs8v1()
        .unwrap();
    let whole = pem("PRIVATE KEY", pkcs8());
    let damaged = pem("PRIVATE KEY", &pkcs8()[..pkcs8().len() / 2]);
    for (json, says) in [
        (
            "not json".to_owned(),
            "is not the JSON of a service-account key (line 1, column 2)",
        ),
        ("[]".to_owned(), "is not the JSON of a service-account key"),
        ("{}".to_owned(), "has no \"type\""),
        (
            with("type", "authorized_user"),
            "has the type \"authorized_user\"; a key of type \"service_account\"",
        ),
        (
            with("universe_domain", "example.goog"),
            "universe_domain \"example.goog\"; AWS trusts tokens of googleapis.com only",
        ),
        (with("client_email", Value::Null), "has no \"client_email\""),
        (
            with("client_email", "robot"),
            "its client_email: ServiceAccountEmail: \"robot\" is not a service account",
        ),
        (with("private_key", Value::Null), "has no \"private_key\""),
        (with("private_key", "secret"), "its private_key is not PEM"),
        (
            with("private_key", &whole[..whole.len() / 2]),
            "is a PEM that has no end: it was truncated",
        ),
        (
            with("private_key", damaged),
            "not of an RSA key that can be read",
        ),
        (
            with("private_key", pem("EC PRIVATE KEY", b"x")),
            "is an EC key",
        ),
        (
            with("private_key", pem("PRIVATE KEY", ec.as_ref())),
            "an EC key, or",
        ),
        (
            with("private_key", pem("CERTIFICATE", b"x")),
            "is a PEM of \"CERTIFICATE\"",
        ),
        (
            with("private_key", pem("PRIVATE KBBBBBBBBBBBBBBBBBBBEY", b"x")),
            "is not PEM",
        ),
        (
            with("private_key", pem("ENCRYPTED PRIVATE KEY", b"x")),
            "is encrypted with a pass phrase",
        ),
        (
            with("private_key", include_str!("rsa1024_for_tests.pem")),
            "or one of less than 2048 bits?",
        ),
        (
            with("token_uri", "http://oauth2.googleapis.com/token"),
            "would send secrets in clear text; https is expected",
        ),
        (with("token_uri", "oauth2.googleapis.com"), "has no scheme"),
        (
            with("private_key", 7),
            "is not the JSON of a service-account key",
        ),
    ] {
        let message = refusal(&json);
        assert!(message.contains(says), "wanted {says:?}, got {message}");
    }
}

#[test]
fn a_token_uri_on_loopback_may_be_http_and_one_that_is_missing_is_googles() {
    assert!(LocalKey::from_json(with("token_uri", "http://127.0.0.1:8080/token")).is_ok());
    let key = LocalKey::from_json(with("token_uri", Value::Null)).unwrap();
    assert_eq!(
        SignJwt::token_uri(&key),
        Some("https://oauth2.googleapis.com/token")
    );
}

#[test]
fn a_key_file_that_is_missing_is_named() {
    let error = LocalKey::from_file("/nowhere/robot.json").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("key file /nowhere/robot.json: can't be read: entity not found"),
        "{error}"
    );
    assert!(std::error::Error::source(&error).is_some());
}

/// `jsonwebtoken::encode` panics when a program turns on a second crypto backend of that crate; the
/// signature doesn't go through it, whatever backend is on.
#[test]
fn a_signature_verifies_with_the_public_key() {
    use aws_lc_rs::signature::{
        KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey,
    };
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let key = LocalKey::from_json(file().to_string()).unwrap();
    let asking = crate::token::Asking::IdTokenFor("https://a");
    let assertion = crate::token::Assertion::new(
        key.email().clone(),
        "https://t",
        asking,
        std::time::UNIX_EPOCH,
    );
    let jwt = key.sign(&assertion).unwrap();
    let (message, signature) = jwt.expose().rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&decode(header)).unwrap(),
        json!({"alg": "RS256", "typ": "JWT", "kid": "0a1b"})
    );
    assert_eq!(decode(claims), assertion.claims_json().as_bytes());
    let pair = RsaKeyPair::from_pkcs8(pkcs8()).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
        .verify(message.as_bytes(), &decode(signature))
        .unwrap();
}
