//! Google credentials files.

use super::accounts::Account;
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::path::Path;

/// The OAuth client of the user credentials.
pub(crate) const CLIENT_ID: &str = "emulator.apps.googleusercontent.com";
pub(crate) const CLIENT_SECRET: &str = "GOCSPX-0of1this2emulator3";

/// A key file as `gcloud iam service-accounts keys create` writes it.
pub(crate) fn service_account(
    account: &Account,
    pem: &str,
    token_uri: &str,
    certs: &str,
) -> String {
    pretty(&json!({
        "type": "service_account",
        "project_id": account.project(),
        "private_key_id": account.file_key().id(),
        "private_key": pem,
        "client_email": account.email(),
        "client_id": account.unique_id(),
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "auth_provider_x509_cert_url": certs,
        "universe_domain": "googleapis.com",
    }))
}

/// User credentials as `gcloud auth application-default login` writes them, plus the token
/// endpoint.
pub(crate) fn authorized_user(refresh_token: &str, token_uri: &str) -> String {
    pretty(&json!({
        "type": "authorized_user",
        "account": "",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": refresh_token,
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }))
}

fn pretty(file: &Value) -> String {
    format!("{file:#}\n")
}

/// Writes a new file, on Unix readable only by its owner.
pub(crate) fn write_private(path: &Path, content: &str) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content.as_bytes())
}
