//! The environment variables that decide, by their names only: people paste secrets into the wrong
//! ones.

use super::check::{Check, Status};
use std::ffi::OsString;

/// Those that the program, the library or the SDK reads.
const DECIDING: [&str; 37] = [
    "AWS_ROLE_ARN",
    "TARGET_AUDIENCE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ROLE_DURATION_SECONDS",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_MAX_ATTEMPTS",
    "AWS_RETRY_MODE",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "CLOUDSDK_CONFIG",
    "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS",
    "GOOGLE_CLOUD_QUOTA_PROJECT",
    "GOOGLE_API_CERTIFICATE_CONFIG",
    "GCE_METADATA_HOST",
    "GCE_METADATA_IP",
    "NO_GCE_CHECK",
    "KUBERNETES_SERVICE_HOST",
    "K_SERVICE",
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
];

/// Those with which an SDK finds other credentials first.
const OTHER_CREDENTIALS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

/// Two variables. The first one counts.
const PAIRS: [(&str, &str); 5] = [
    ("AWS_REGION", "AWS_DEFAULT_REGION"),
    ("HTTPS_PROXY", "https_proxy"),
    ("HTTP_PROXY", "http_proxy"),
    ("ALL_PROXY", "all_proxy"),
    ("NO_PROXY", "no_proxy"),
];

/// What the variables say. `get` reads one.
pub(super) fn check(get: impl Fn(&str) -> Option<OsString>) -> Check {
    let get = |name: &str| get(name);
    let text = |name: &str| get(name).filter(|it| !it.is_empty());
    let is_set = |name: &str| text(name).is_some();
    let is_true = |name: &str| {
        text(name).is_some_and(|it| {
            let it = it.to_string_lossy().to_ascii_lowercase();
            matches!(it.trim(), "true" | "1")
        })
    };
    let names = || DECIDING.into_iter().chain(OTHER_CREDENTIALS);
    let set: Vec<_> = names().filter(|name| is_set(name)).collect();
    let empty: Vec<_> = names()
        .filter(|name| get(name).is_some_and(|it| it.is_empty()))
        .collect();
    let mut wrong = Vec::new();
    if !empty.is_empty() {
        wrong.push(format!(
            "{} set but empty, which counts as not set: set or unset {}",
            are(&empty),
            it_or_them(&empty)
        ));
    }
    let not_text: Vec<_> = names()
        .filter(|name| text(name).is_some_and(|it| it.to_str().is_none()))
        .collect();
    if !not_text.is_empty() {
        wrong.push(format!(
            "{} not UTF-8: set {} anew",
            are(&not_text),
            it_or_them(&not_text)
        ));
    }
    for (first, second) in PAIRS {
        let (Some(a), Some(b)) = (text(first), text(second)) else {
            continue;
        };
        if a != b {
            wrong.push(format!(
                "{first} and {second} differ; {first} counts. Unset one of them"
            ));
        }
    }
    if is_true("NO_GCE_CHECK") && is_set("GCE_METADATA_HOST") {
        wrong.push(
            "NO_GCE_CHECK says that there is no metadata server, and GCE_METADATA_HOST names one; \
             NO_GCE_CHECK counts. Unset one of them"
                .to_owned(),
        );
    }
    if is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
        for name in ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"] {
            if is_set(name) {
                wrong.push(format!(
                    "{name} is set, and AWS_IGNORE_CONFIGURED_ENDPOINT_URLS says to ignore it. Unset one \
                     of them"
                ));
            }
        }
    }
    if is_set("REQUEST_METHOD") && is_set("HTTP_PROXY") {
        wrong.push(
            "HTTP_PROXY is ignored where REQUEST_METHOD is set, as in CGI: use http_proxy"
                .to_owned(),
        );
    }
    match OTHER_CREDENTIALS.map(is_set) {
        [true, true] => wrong.push(
            "AWS_ACCESS_KEY_ID is set: an AWS SDK in this environment uses that key and not these \
             credentials. Unset it, or start the program with `aws-google-web-identity exec`"
                .to_owned(),
        ),
        [false, false] => {}
        [has_id, _] => {
            let (there, missing) = match has_id {
                true => ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
                false => ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
            };
            wrong.push(format!("{there} is set without {missing}. Unset it"));
        }
    }
    let status = if wrong.is_empty() {
        Status::Ok
    } else {
        Status::Warning
    };
    let found = match set.is_empty() {
        true => "none that matters is set".to_owned(),
        false => format!("set: {}", set.join(", ")),
    };
    let check = Check::new("variables", "Variables", status, found);
    wrong.into_iter().fold(check, Check::advise)
}

fn are(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

fn it_or_them(names: &[&str]) -> &'static str {
    if names.len() == 1 { "it" } else { "them" }
}

#[cfg(test)]
mod tests;
