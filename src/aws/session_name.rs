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
mod tests {
    use super::*;

    #[test]
    fn a_default_name_shows_place_and_identity() {
        let name = session_name(Some("web-00042-abc"), "117291390000000000001");
        assert_eq!(name.as_str(), "web-00042-abc-117291390000000000001");
        assert_eq!(session_name(None, "1").as_str(), "google-1");
    }

    #[test]
    fn a_default_name_is_valid_and_long_ones_stay_different() {
        let long = |end: &str| format!("{}{end}", "pod/ä ".repeat(30));
        let (a, b) = (
            session_name(Some(&long("a")), "7"),
            session_name(Some(&long("b")), "7"),
        );
        assert_ne!(a, b);
        for name in [
            a,
            b,
            session_name(Some(""), ""),
            session_name(Some("\u{0}"), "日本"),
        ] {
            assert!(name.as_str().parse::<SessionName>().is_ok(), "{name}");
        }
        assert_eq!(session_name(Some(&long("a")), "7").as_str().len(), 64);
    }
}
