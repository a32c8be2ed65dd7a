//! What of a URI may be shown.

/// A URI without what may be a secret in it: the user before its host, and the query.
pub(crate) fn bare(uri: &str) -> String {
    // A password may hold any character, unless it was encoded: the last @ is the one that counts.
    let bare = match uri.rsplit_once('@') {
        Some((before, rest)) => {
            let scheme = before.find("://").map_or("", |end| &before[..end + 3]);
            format!("{scheme}…@{rest}")
        }
        None => uri.to_owned(),
    };
    match bare.split_once('?') {
        Some((bare, _)) => format!("{bare}?…"),
        None => bare,
    }
}

/// Host and port of a proxy's URI.
pub(crate) fn host_and_port(proxy: &str) -> &str {
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
            assert_eq!(host_and_port(uri), "proxy.example.com:3128");
        }
    }
}
