//! What the environment says of a proxy, for the errors of those who are behind one.

use crate::Context;
use crate::names::shown;
use std::error::Error;

/// Read by the SDK's default client for https, the first one first.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// For an error of the connection itself: that there is a proxy, without its password, and whether it was what
/// refused. A client of the user's own has its own proxy.
pub(crate) fn hint(cx: &Context, error: &(dyn Error + 'static)) -> Option<String> {
    if !cx.uses_default_client() {
        return None;
    }
    let (name, proxy) = VARIABLES
        .iter()
        .find_map(|name| Some((*name, cx.var(name)?)))?;
    let host = without_user(&proxy);
    let refused = std::iter::successors(Some(error), |&error| error.source())
        .map(ToString::to_string)
        .any(|text| text.starts_with("tunnel error") && !text.contains("underlying connection"));
    Some(if refused {
        format!(
            "the proxy {}, of {name}, let nothing through: are its user and password right, and does it let this \
             host pass? NO_PROXY names hosts that need none",
            shown(host)
        )
    } else {
        format!(
            "if NO_PROXY doesn't except it, through the proxy {}, of {name}",
            shown(host)
        )
    })
}

/// Host and port of a proxy's URI.
fn without_user(proxy: &str) -> &str {
    // A password may hold any character, unless it was encoded: the last @ is the one that counts.
    let rest = proxy.split_once("://").map_or(proxy, |(_, rest)| rest);
    let host = rest.rsplit('@').next().unwrap_or_default();
    host.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_proxys_uri_only_host_and_port_are_shown() {
        for uri in [
            "http://robot:pass@word@proxy.example.com:3128/",
            "http://robot:pa/ss://word@proxy.example.com:3128",
            "robot:secret@proxy.example.com:3128",
            "proxy.example.com:3128",
        ] {
            assert_eq!(without_user(uri), "proxy.example.com:3128");
        }
    }
}
