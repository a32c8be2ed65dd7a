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
mod tests {
    use super::*;

    fn location(host: &str, ip: &str) -> Result<String, String> {
        let mut environment = Environment::default();
        environment.set_variables(
            [("GCE_METADATA_HOST", host), ("GCE_METADATA_IP", ip)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        );
        let location = Location::of(&environment).map_err(|error| error.to_string())?;
        let address = location.address.map(|address| address.origin());
        Ok([location.server.origin()]
            .into_iter()
            .chain(address)
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn the_environment_overrides_name_and_address() {
        for (host, ip, expected) in [
            (
                "",
                "",
                "http://metadata.google.internal. http://169.254.169.254",
            ),
            (
                "",
                "10.0.0.1",
                "http://metadata.google.internal. http://10.0.0.1:80",
            ),
            (
                "",
                "127.0.0.1:81",
                "http://metadata.google.internal. http://127.0.0.1:81",
            ),
            (
                "",
                "fd20:ce::254",
                "http://metadata.google.internal. http://[fd20:ce::254]:80",
            ),
            ("mds:81", "", "http://mds:81"),
            // Not used, so not an error.
            ("mds", "nonsense", "http://mds"),
        ] {
            assert_eq!(location(host, ip).as_deref(), Ok(expected));
        }
        for (host, ip, says) in [
            (
                "http://mds",
                "",
                "GCE_METADATA_HOST: \"http://mds\" has a scheme",
            ),
            ("m d s", "", "GCE_METADATA_HOST: "),
            (
                "",
                "metadata",
                "GCE_METADATA_IP: \"metadata\" is no address",
            ),
            (
                "",
                "http://10.0.0.1",
                "GCE_METADATA_IP: \"http://10.0.0.1\" is no address",
            ),
            ("", "10.0.0.1/", "is no address"),
            ("", "10.0.0.256", "is no address"),
            ("", "10.0.0.1:port", "is no address"),
            ("", "fd20:ce::254:80:1::", "is no address"),
            ("", "10.0.0.1\r", "\"10.0.0.1\\r\" is no address"),
        ] {
            let error = location(host, ip).unwrap_err();
            assert!(error.contains(says), "{host:?} {ip:?}: {error}");
        }
    }
}
