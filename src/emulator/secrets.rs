//! Everything secret that the servers made or were sent.

use super::records::{RecordedRequest, first};
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
        let bearer = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        if let Some(token) = bearer {
            self.add(token);
        }
    }

    pub(super) fn all(&self) -> Vec<String> {
        super::lock(&self.0).iter().cloned().collect()
    }
}
