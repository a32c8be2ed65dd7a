//! Where the metadata server is.

use crate::build_error::BuildError;
use crate::environment::Environment;
use crate::redact::shown;
use crate::transport::Endpoint;
use std::net::{IpAddr, SocketAddr};

/// The dot at the end keeps the name out of the DNS search list, where a wildcard would send the
/// request to a stranger.
const NAME: &str = "http://metadata.google.internal.";
const ADDRESS: &str = "http://169.254.169.254";

#[derive(Clone, Debug)]
pub(super) struct Location {
    pub(super) server: Endpoint,
    /// The server's address, for a network in which its name does not resolve. `None` if the
    /// server was configured.
    pub(super) address: Option<Endpoint>,
}

impl Location {
    pub(super) fn configured(server: Endpoint) -> Self {
        Self {
            server,
            address: None,
        }
    }

    /// The server that `GCE_METADATA_HOST` names, else the default one, whose address
    /// `GCE_METADATA_IP` may override.
    ///
    /// # Errors
    /// When one of the two is neither a host nor an address.
    pub(super) fn of(environment: &Environment) -> Result<Self, BuildError> {
        const HOST: &str = "GCE_METADATA_HOST";
        const IP: &str = "GCE_METADATA_IP";
        if let Some(host) = environment.get(HOST) {
            if host.contains('/') {
                return Err(BuildError::new(
                    HOST,
                    format!(
                        "{} has a scheme or a path; host or host:port is expected",
                        shown(&host)
                    ),
                ));
            }
            return Endpoint::parse(HOST, &format!("http://{host}")).map(Self::configured);
        }
        let address = match environment.get(IP) {
            None => ADDRESS.to_owned(),
            Some(ip) => {
                let parsed = ip
                    .parse()
                    .or_else(|_| ip.parse().map(|ip: IpAddr| SocketAddr::new(ip, 80)));
                let address = parsed.map_err(|_| {
                    let rule = "is no address; an IP address or address:port is expected";
                    BuildError::new(IP, format!("{} {rule}", shown(&ip)))
                })?;
                format!("http://{address}")
            }
        };
        Ok(Self {
            server: Endpoint::parse("metadata server", NAME)?,
            address: Some(Endpoint::parse(IP, &address)?),
        })
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests;
