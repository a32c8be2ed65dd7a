//! The proxy that the environment names, for the hints of errors.

use crate::environment::Environment;
use crate::redact::{host_and_port, shown};
use std::error::Error;

/// What our client reads for https, in this order.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The proxy of our own client. A user's client has its own proxy.
#[derive(Clone, Debug)]
pub(super) struct Proxy {
    variable: &'static str,
    /// Without the user and password.
    host_and_port: String,
}

impl Proxy {
    pub(super) fn of(environment: &Environment) -> Option<Self> {
        VARIABLES.iter().find_map(|variable| {
            Some(Self {
                variable,
                host_and_port: host_and_port(&environment.get(variable)?).to_owned(),
            })
        })
    }

    /// For a connection error: names the proxy, and says whether the proxy refused.
    pub(super) fn hint(&self, error: &(dyn Error + 'static)) -> String {
        let (name, host) = (self.variable, shown(&self.host_and_port));
        let refused = std::iter::successors(Some(error), |&error| error.source())
            .map(ToString::to_string)
            .any(|text| {
                text.starts_with("tunnel error") && !text.contains("underlying connection")
            });
        if refused {
            format!(
                "the proxy {host}, named by {name}, refused the connection: are its user and password \
                 right, and does it allow this host? NO_PROXY lists the hosts that bypass it"
            )
        } else {
            format!("through the proxy {host}, named by {name}, unless NO_PROXY lists the host")
        }
    }
}
