//! The default name of a role session. It shows the place and the identity in CloudTrail.

use crate::context::Context;
use crate::names::{SessionName, session_name_char};
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write;

const MAX: usize = 64;

/// Where the program runs: the revision on Cloud Run, the version on App Engine, or the name of
/// the pod or host.
pub(crate) fn place(cx: &Context) -> Option<String> {
    [
        "K_REVISION",
        "CLOUD_RUN_WORKER_POOL_REVISION",
        "GAE_VERSION",
        "HOSTNAME",
        "COMPUTERNAME",
    ]
    .iter()
    .find_map(|name| cx.var(name))
    .or_else(|| cx.environment().host_name())
}

/// `PLACE-SUB`, in the characters that STS accepts. A name above 64 characters is cut and gets a
/// hash of the whole, so that different long names stay different.
pub(crate) fn session_name(place: Option<&str>, sub: &str) -> SessionName {
    let whole = match place {
        Some(place) => format!("{place}-{sub}"),
        None => format!("google-{sub}"),
    };
    let mut name: String = whole
        .chars()
        .map(|c| if session_name_char(c) { c } else { '-' })
        .collect();
    if name.len() > MAX {
        let mut hash = String::with_capacity(17);
        hash.push('-');
        for byte in &digest(&SHA256, whole.as_bytes()).as_ref()[..8] {
            let _ = write!(hash, "{byte:02x}");
        }
        name.truncate(MAX - hash.len());
        name.push_str(&hash);
    }
    SessionName::known_valid(name)
}

#[cfg(test)]
mod tests;
