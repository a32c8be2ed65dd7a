//! A plain HTTP client that shows every byte.

use crate::state::keys::{KeyUse, SigningKey};
use crate::*;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::time::UNIX_EPOCH;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) const ROBOT: &str = DEFAULT_SERVICE_ACCOUNT;

/// An answer as received.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The text of the first XML element of this name.
    pub(crate) fn element(&self, name: &str) -> &str {
        let (_, rest) = self.body.split_once(&format!("<{name}>")).unwrap();
        rest.split_once("</").unwrap().0
    }
}

/// A connection on which the request was sent. The answer is unread.
pub(crate) async fn sent(origin: &str, request: &str) -> TcpStream {
    let address = origin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address.split('/').next().unwrap())
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn exchanged(origin: &str, request: String) -> Received {
    let mut answer = Vec::new();
    sent(origin, &request)
        .await
        .read_to_end(&mut answer)
        .await
        .unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    Received {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) fn get_request(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: emulator\r\nMetadata-Flavor: Google\r\nConnection: close\r\n\r\n"
    )
}

pub(crate) async fn get(origin: &str, path: &str) -> Received {
    exchanged(origin, get_request(path)).await
}

pub(crate) async fn get_bare(origin: &str, path: &str) -> Received {
    let request = format!("GET {path} HTTP/1.1\r\nHost: emulator\r\nConnection: close\r\n\r\n");
    exchanged(origin, request).await
}

pub(crate) async fn post(origin: &str, path: &str, headers: &str, body: &str) -> Received {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: emulator\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    );
    exchanged(origin, request).await
}

pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<_> = form
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    pairs.join("&")
}

pub(crate) fn seconds(emulator: &Emulator) -> i64 {
    emulator.now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Claims of an assertion that the token endpoint accepts for an ID token.
pub(crate) fn assertion_claims(emulator: &Emulator) -> Value {
    let now = seconds(emulator);
    json!({
        "iss": ROBOT, "aud": emulator.token_uri(), "target_audience": DEFAULT_AUDIENCE,
        "iat": now, "exp": now + 3600,
    })
}

pub(crate) fn file_key() -> Arc<SigningKey> {
    SigningKey::shared(KeyUse::KeyFile, 0).unwrap()
}

pub(crate) async fn exchange(emulator: &Emulator, claims: &Value, key: &SigningKey) -> Received {
    exchange_assertion(emulator, &jwt::sign(key, claims).unwrap()).await
}

pub(crate) async fn exchange_assertion(emulator: &Emulator, assertion: &str) -> Received {
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let form = encoded(&[("grant_type", grant), ("assertion", assertion)]);
    post(&emulator.token_uri(), "/token", "", &form).await
}

pub(crate) fn claims_of(token: &str) -> Value {
    jwt::Jwt::parse(token).unwrap().into_claims()
}

/// Claims of an ID token that the default role admits.
pub(crate) fn id_token_claims(emulator: &Emulator) -> Value {
    let (now, id) = (seconds(emulator), emulator.service_account_id());
    json!({
        "iss": "https://accounts.google.com", "sub": id, "azp": id, "aud": DEFAULT_AUDIENCE,
        "iat": now, "exp": now + 3600,
    })
}

pub(crate) fn assume_role_form(token: &str) -> Vec<(&str, &str)> {
    vec![
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", "2011-06-15"),
        ("RoleArn", DEFAULT_ROLE_ARN),
        ("RoleSessionName", "session"),
        ("WebIdentityToken", token),
    ]
}

pub(crate) async fn assume_role(emulator: &Emulator, form: &[(&str, &str)]) -> Received {
    post(emulator.sts_endpoint(), "/", "", &encoded(form)).await
}
