//! Google's token endpoint and STS in process, on the true time.

use crate::refresh::world::START;
use crate::support::AUDIENCE;
use crate::support::ROBOT;
use aws_google_web_identity_emulator::Emulator;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

const SESSION: u64 = 3600;

#[derive(Clone)]
pub struct Servers(Arc<Mutex<State>>);

struct State {
    now: u64,
    key_id: String,
    google_fails: bool,
    sts_fails: bool,
    calls: u64,
    ends: HashMap<String, u64>,
    clock_jumped: bool,
    /// The day's secrets, which must not be logged.
    secrets: Vec<String>,
}

fn key_id(emulator: &Emulator) -> String {
    let file: Value = serde_json::from_str(&emulator.key_file_json(ROBOT).unwrap()).unwrap();
    file["private_key_id"].as_str().unwrap().to_owned()
}

impl Servers {
    pub fn new(emulator: &Emulator) -> Self {
        Self(Arc::new(Mutex::new(State {
            now: START,
            key_id: key_id(emulator),
            google_fails: false,
            sts_fails: false,
            calls: 0,
            ends: HashMap::new(),
            clock_jumped: false,
            secrets: Vec::new(),
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub fn now(&self) -> u64 {
        self.state().now
    }

    pub fn pass(&self, seconds: u64) {
        self.state().now += seconds;
    }

    pub fn fail(&self, of_sts: bool) {
        let mut state = self.state();
        (state.sts_fails, state.google_fails) = (of_sts, !of_sts);
    }

    pub fn recover(&self) {
        let mut state = self.state();
        (state.sts_fails, state.google_fails) = (false, false);
    }

    pub fn trust_key_of(&self, emulator: &Emulator) {
        self.state().key_id = key_id(emulator);
    }

    /// The exchanges that were started: calls to the token endpoint, without those repeated because
    /// of a wrong clock.
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// When the session of this key id really ends.
    pub fn end_of(&self, access_key_id: &str) -> u64 {
        self.state().ends[access_key_id]
    }

    pub fn forget_ended(&self) {
        let mut state = self.state();
        let now = state.now;
        state.ends.retain(|_, end| *end > now);
        state.ends.shrink_to_fit();
    }

    pub fn take_secrets(&self) -> Vec<String> {
        std::mem::take(&mut self.state().secrets)
    }

    pub fn clock_was_set(&self) {
        self.state().clock_jumped = true;
    }

    pub fn clock_jumped_since_last_session(&self) -> bool {
        self.state().clock_jumped
    }

    pub fn client(&self) -> SharedHttpClient {
        let servers = self.clone();
        SharedHttpClient::new(infallible_client_fn(move |request| {
            servers.state().answer(request)
        }))
    }
}

impl State {
    fn answer(&mut self, request: http::Request<SdkBody>) -> http::Response<String> {
        let (head, body) = request.into_parts();
        let body = body
            .collect()
            .now_or_never()
            .expect("a body in memory")
            .unwrap();
        let body = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        let form: HashMap<String, String> = body
            .split('&')
            .filter_map(|field| field.split_once('='))
            .map(|(name, value)| (name.to_owned(), decoded(value)))
            .collect();
        let (status, body) = match head.uri.host() {
            Some("sts.us-east-1.amazonaws.com") => self.sts(&form),
            _ => self.token_endpoint(&form),
        };
        let date = DateTime::from_secs(i64::try_from(self.now).unwrap());
        http::Response::builder()
            .status(status)
            .header("date", date.fmt(Format::HttpDate).unwrap())
            .body(body)
            .unwrap()
    }

    fn token_endpoint(&mut self, form: &HashMap<String, String>) -> (u16, String) {
        self.secrets.push(form["assertion"].clone());
        let parts: Vec<Value> = form["assertion"]
            .split('.')
            .take(2)
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        let refusal = |description: &str| {
            (
                400,
                json!({"error": "invalid_grant", "error_description": description}).to_string(),
            )
        };
        if self.now.abs_diff(parts[1]["iat"].as_u64().unwrap()) > 300 {
            return refusal(
                "Invalid JWT: Token must be a short-lived token and in a reasonable timeframe.",
            );
        }
        self.calls += 1;
        if self.google_fails {
            return (503, "unavailable".to_owned());
        }
        if parts[0]["kid"] != self.key_id.as_str() {
            return refusal("Invalid JWT Signature.");
        }
        let claims = json!({
            "iss": "https://accounts.google.com", "aud": AUDIENCE, "sub": "1", "azp": ROBOT,
            "iat": self.now, "exp": self.now + 3600,
        });
        let jwt = format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(claims.to_string()));
        (200, json!({"id_token": jwt}).to_string())
    }

    fn sts(&mut self, form: &HashMap<String, String>) -> (u16, String) {
        assert_eq!(form["Action"], "AssumeRoleWithWebIdentity");
        if self.sts_fails {
            return (503, "<ErrorResponse/>".to_owned());
        }
        let (id, end) = (format!("ASIA{}", self.calls), self.now + SESSION);
        self.ends.insert(id.clone(), end);
        let [secret, token] = ["secretkey", "sessiontoken"].map(|of| format!("{of}{id}"));
        self.secrets.extend([secret.clone(), token.clone()]);
        self.clock_jumped = false;
        let expiration = DateTime::from_secs(i64::try_from(end).unwrap());
        let expiration = expiration.fmt(Format::DateTime).unwrap();
        let body = format!(
            r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
            <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{id}</AccessKeyId>
            <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken><Expiration>{expiration}</Expiration>
            </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#
        );
        (200, body)
    }
}

fn decoded(value: &str) -> String {
    percent_encoding::percent_decode_str(value)
        .decode_utf8()
        .unwrap()
        .into_owned()
}
