//! Credentials as JSON, as other programs read them.

use aws_google_web_identity::Session;
use aws_smithy_types::date_time::{DateTime, Format};
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The output of `credential_process`
/// ([format](https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html)).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Process<'a> {
    version: u8,
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

/// The answer of the container credentials endpoint
/// ([format](https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html)).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Container<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
}

/// The body of the container credentials endpoint.
pub(crate) fn container(session: &Session) -> String {
    let credentials = session.credentials();
    line(&Container {
        access_key_id: credentials.access_key_id(),
        secret_access_key: credentials.secret_access_key(),
        token: credentials.session_token().unwrap_or_default(),
        expiration: time(session.expires_at()),
        account_id: credentials.account_id().map(|account| account.as_str()),
    })
}

/// A line of JSON for `credential_process`.
pub(crate) fn process(session: &Session) -> String {
    let credentials = session.credentials();
    line(&Process {
        version: 1,
        access_key_id: credentials.access_key_id(),
        secret_access_key: credentials.secret_access_key(),
        session_token: credentials.session_token().unwrap_or_default(),
        expiration: time(session.expires_at()),
        account_id: credentials.account_id().map(|account| account.as_str()),
    })
}

fn line(value: &impl Serialize) -> String {
    // Strings and numbers only, so there is nothing that could fail.
    let mut line = serde_json::to_string(value).unwrap_or_default();
    line.push('\n');
    line
}

/// `2026-11-26T10:00:00Z`: whole seconds. The SDK for Rust refuses an offset, and others a
/// fraction.
///
/// Rounded to the nearest one: the cache counts in milliseconds what is left of a session, so its
/// times are off by as much.
pub(crate) fn time(time: SystemTime) -> String {
    const HALF: Duration = Duration::from_millis(500);
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let since = since.saturating_add(HALF);
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let formatted = DateTime::from_secs(seconds).fmt(Format::DateTime);
    // Only a year after 9999 cannot be formatted.
    formatted.unwrap_or_else(|_| "9999-12-31T23:59:59Z".to_owned())
}
