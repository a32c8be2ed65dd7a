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

/// The key that PKCS#8 wraps: for 2048 bits, all but a header of 26 bytes.
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
fn pkcs8_and_pkcs1_are_read_and_never_shown() {
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
fn a_bad_key_file_is_refused_by_field_and_rule() {
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
        .unwrap()
        .to_pkcs8v1()
        .unwrap();
    let whole = pem("PRIVATE KEY", pkcs8());
    let damaged = pem("PRIVATE KEY", &pkcs8()[..pkcs8().len() / 2]);
    for (json, says) in [
        (
            "not json".to_owned(),
            "is not JSON (line 1, column 2); the JSON of a service-account key is expected",
        ),
        ("[]".to_owned(), "is a JSON array; the JSON of"),
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
        (with("private_key", 7), "a value has the wrong type"),
    ] {
        let message = refusal(&json);
        assert!(message.contains(says), "wanted {says:?}, got {message}");
    }
}

/// Environment files and secret stores change a file's text; the key in it stays the same.
#[test]
fn a_key_survives_what_editors_and_environment_files_do_to_it() {
    let key = pem("PRIVATE KEY", pkcs8());
    for json in [
        format!("\u{feff}{}", file()),
        with("private_key", key.replace('\n', "\\n")),
        with("private_key", key.replace('\n', "\\r\\n")),
        with("private_key", key.replace('\n', "\r\n")),
    ] {
        assert!(LocalKey::from_json(&json).is_ok(), "{:.80}", json);
    }
}

/// Go marshals an absent text as an empty one.
#[test]
fn an_empty_field_is_an_absent_one() {
    for (field, refusal) in [
        ("universe_domain", None),
        ("token_uri", None),
        ("private_key_id", None),
        ("type", Some("has no \"type\"")),
        ("client_email", Some("has no \"client_email\"")),
        ("private_key", Some("has no \"private_key\"")),
    ] {
        for value in [json!(""), Value::Null] {
            let read = LocalKey::from_json(with(field, value));
            match (read, refusal) {
                (Ok(key), None) => assert!(SignJwt::token_uri(&key).unwrap().contains("google")),
                (Err(error), Some(says)) => assert!(error.to_string().contains(says), "{error}"),
                (read, _) => panic!("{field}: {read:?}"),
            }
        }
    }
}

#[test]
fn odd_encodings_and_cut_files_are_called_what_they_are() {
    let text = file().to_string();
    let utf16 = |text: &str, order: fn(u16) -> [u8; 2]| -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    };
    let base64 = STANDARD.encode(&text);
    let lines = base64
        .as_bytes()
        .chunks(76)
        .map(|line| [line, b"\n"].concat());
    for (bytes, says) in [
        (Vec::new(), "is empty"),
        (b"\xef\xbb\xbf \n".to_vec(), "is empty"),
        (
            text.as_bytes()[..200].to_vec(),
            "is truncated: its JSON ends early, at line 1",
        ),
        (
            utf16(&format!("\u{feff}{text}"), u16::to_le_bytes),
            "is UTF-16",
        ),
        (
            utf16(&format!("\u{feff}{text}"), u16::to_be_bytes),
            "is UTF-16",
        ),
        (utf16(&text, u16::to_le_bytes), "is UTF-16"),
        (utf16(&text, u16::to_be_bytes), "is UTF-16"),
        (base64.clone().into_bytes(), "is JSON encoded in base64"),
        (
            lines.collect::<Vec<_>>().concat(),
            "is JSON encoded in base64",
        ),
        (
            json!(text).to_string().into_bytes(),
            "is JSON inside a JSON string",
        ),
        (
            pem("PRIVATE KEY", pkcs8()).into_bytes(),
            "is not JSON (line 1, column",
        ),
    ] {
        let error = LocalKey::from_json(&bytes).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(says), "wanted {says:?}, got {shown}");
        assert!(!shown.contains(&base64[..40]), "{shown}");
    }
}

#[test]
fn a_key_in_place_of_its_path_is_not_shown() {
    let key = file().to_string();
    let error = LocalKey::from_file(&key).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(
        !shown.contains("BEGIN") && !shown.contains("0a1b"),
        "{shown}"
    );
    assert!(
        shown.contains("was given JSON (not shown), and a path is expected")
            && shown.contains("LocalKey::from_json"),
        "{shown}"
    );
}

#[test]
fn a_token_uri_may_be_http_on_loopback_and_defaults_to_googles() {
    assert!(LocalKey::from_json(with("token_uri", "http://127.0.0.1:8080/token")).is_ok());
    let key = LocalKey::from_json(with("token_uri", Value::Null)).unwrap();
    assert_eq!(
        SignJwt::token_uri(&key),
        Some("https://oauth2.googleapis.com/token")
    );
}

#[test]
fn a_missing_key_file_is_named() {
    let error = LocalKey::from_file("/nowhere/robot.json").unwrap_err();
    assert!(
        error.to_string().contains(
            "key file \"/nowhere/robot.json\": can't be read: there is no such file; check"
        ),
        "{error}"
    );
    assert!(std::error::Error::source(&error).is_some());
}

/// `jsonwebtoken::encode` panics when a program turns on a second crypto backend of that crate. The
/// dev-dependencies do, and the signature must not go through it.
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
