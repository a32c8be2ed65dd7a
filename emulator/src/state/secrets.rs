//! Every secret that the servers issued or received.

use crate::lock::lock;
use std::collections::BTreeSet;
use std::sync::Mutex;

#[derive(Default)]
pub(crate) struct Secrets(Mutex<BTreeSet<String>>);

impl Secrets {
    pub(crate) fn add(&self, secret: &str) {
        lock(&self.0).insert(secret.to_owned());
    }

    /// Adds each line of a private key: logs may break it into lines.
    pub(crate) fn add_key(&self, pem: &str) {
        for line in pem.lines().filter(|line| !line.starts_with("-----")) {
            self.add(line);
        }
    }

    pub(crate) fn all(&self) -> Vec<String> {
        lock(&self.0).iter().cloned().collect()
    }
}
