//! What of a URI is shown.

/// A URI without the parts that may be secrets: the user before the host, and the query.
pub(crate) fn bare(uri: &str) -> String {
    // A password may hold any character that was not encoded, so the last @ counts.
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
    // As above, the last @ counts.
    let rest = proxy.split_once("://").map_or(proxy, |(_, rest)| rest);
    let host = rest.rsplit('@').next().unwrap_or_default();
    host.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_user_and_password_are_not_shown() {
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
