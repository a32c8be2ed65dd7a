//! The hosts by which clients may call the endpoint.

use http::uri::Authority;
use http::{HeaderMap, header};
use std::net::IpAddr;

const HTTP_PORT: u16 = 80;

/// The endpoint's own host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) port: u16,
    /// The name that it listens on, when other machines may call.
    pub(super) name: Option<String>,
}

impl Host {
    /// Whether `Host` is an address of this endpoint.
    ///
    /// A page of another site reaches a loopback address by a name of its own that resolves to it
    /// (DNS rebinding). Its browser sends that name, so addresses are safe and names are not.
    pub(super) fn is_own(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (values.next(), values.next()) else {
            return false;
        };
        let Ok(host) = Authority::try_from(host.as_bytes()) else {
            return false;
        };
        if host.as_str().contains('@') || host.port_u16().unwrap_or(HTTP_PORT) != self.port {
            return false;
        }
        let host = host.host().trim_start_matches('[').trim_end_matches(']');
        match (host.parse::<IpAddr>(), &self.name) {
            (Ok(ip), None) => ip.to_canonical().is_loopback(),
            (Ok(_), Some(_)) => true,
            (Err(_), name) => {
                let name = name.as_deref().unwrap_or("localhost");
                host.eq_ignore_ascii_case("localhost") || host.eq_ignore_ascii_case(name)
            }
        }
    }
}

#[cfg(test)]
mod tests;
