//! Everything secret that the servers made or were sent.

use super::records::{RecordedRequest, first};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeSet;
use std::sync::Mutex;

/// What stands in a form and is as good as an identity.
const FIELDS: [&str; 5] = [
    "WebIdentityToken",
    "assertion",
    "client_secret",
    "refresh_token",
    "subject_token",
];

#[derive(Default)]
pub(super) struct Secrets(Mutex<BTreeSet<String>>);

impl Secrets {
    pub(super) fn add(&self, secret: &str) {
        super::lock(&self.0).insert(secret.to_owned());
    }

    /// By line: no log shows a key as one text.
    pub(super) fn add_key(&self, pem: &str) {
        for line in pem.lines().filter(|line| !line.starts_with("-----")) {
            self.add(line);
        }
    }

    pub(super) fn add_request(&self, request: &RecordedRequest) {
        let form = request.form();
        for secret in FIELDS.iter().filter_map(|name| first(&form, name)) {
            self.add(secret);
        }
        let authorization = request.header("authorization").unwrap_or_default();
        match authorization.split_once(' ') {
            Some(("Bearer", token)) => self.add(token),
            Some(("Basic", pair)) => {
                self.add(pair);
                let pair = STANDARD.decode(pair).unwrap_or_default();
                if let Some((_, secret)) = String::from_utf8_lossy(&pair).split_once(':') {
                    self.add(secret);
                }
            }
            _ => {}
        }
    }

    pub(super) fn all(&self) -> Vec<String> {
        super::lock(&self.0).iter().cloned().collect()
    }
}
