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
mod tests;
