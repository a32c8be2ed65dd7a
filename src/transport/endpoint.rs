//! Where a request goes.

use crate::build_error::BuildError;
use crate::redact::{bare, shown};
use http::Uri;
use std::fmt;

/// An `http` or `https` origin, and the path below which the requests go.
#[derive(Clone)]
pub(crate) struct Endpoint {
    uri: Uri,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uri)
    }
}

impl Endpoint {
    /// Parses an endpoint that receives secrets: https, or http on loopback.
    ///
    /// # Errors
    /// For any other text. `setting` says where it came from.
    pub(crate) fn secure(setting: &str, text: &str) -> Result<Self, BuildError> {
        let endpoint = Self::parse(setting, text)?;
        if endpoint.uri.scheme_str() == Some("http") && !endpoint.is_loopback() {
            return Err(BuildError::new(
                setting,
                format!(
                    "{} would send secrets in clear text; https is expected (http on loopback only)",
                    shown(&bare(text))
                ),
            ));
        }
        Ok(endpoint)
    }

    /// Parses an endpoint of another cloud's metadata server: https, or http on loopback and
    /// link-local addresses.
    pub(crate) fn local_or_secure(setting: &str, text: &str) -> Result<Self, BuildError> {
        let endpoint = Self::parse(setting, text)?;
        if endpoint.is_link_local() {
            Ok(endpoint)
        } else {
            Self::secure(setting, text)
        }
    }

    /// Whether requests stay on this machine's own network, so that no proxy is needed.
    pub(crate) fn is_link_local(&self) -> bool {
        let link_local = |address: std::net::Ipv4Addr| address.is_link_local();
        self.is_loopback() || self.host().parse().is_ok_and(link_local)
    }

    /// Parses an endpoint that may be plain http, such as the metadata server's.
    pub(crate) fn parse(setting: &str, text: &str) -> Result<Self, BuildError> {
        let wrong = |rule: &str| BuildError::new(setting, format!("{} {rule}", shown(&bare(text))));
        let uri: Uri = text
            .parse()
            .map_err(|_| wrong("is not a URI such as https://host/path"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(wrong("has no scheme; https://… is expected"));
        }
        let Some(authority) = uri.authority() else {
            return Err(wrong("names no host"));
        };
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(wrong("names no host, or a user before it"));
        }
        if uri.query().is_some() || text.contains('#') {
            return Err(wrong("has a query or a fragment; a plain URI is expected"));
        }
        Ok(Self { uri })
    }

    /// Scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        let scheme = self.uri.scheme_str().unwrap_or("https");
        let authority = self
            .uri
            .authority()
            .map_or("", |authority| authority.as_str());
        format!("{scheme}://{authority}")
    }

    /// The path and query of a request: the endpoint's own path, followed by this.
    pub(crate) fn with(&self, path: &str) -> String {
        match path.starts_with('/') {
            true => format!("{}{path}", self.uri.path().trim_end_matches('/')),
            false => format!("{}{path}", self.uri.path()),
        }
    }

    fn host(&self) -> &str {
        let host = self.uri.host().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests;
