//! What the environment says of a proxy, for the errors of those who are behind one.

use crate::environment::Environment;
use crate::redact::{host_and_port, shown};
use std::error::Error;

/// Read by the SDK's default client for https, the first one first.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The proxy of the SDK's default client. A client of the user's own has its own proxy.
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

    /// For an error of the connection itself: that there is a proxy, and whether it was what refused.
    pub(super) fn hint(&self, error: &(dyn Error + 'static)) -> String {
        let (name, host) = (self.variable, shown(&self.host_and_port));
        let refused = std::iter::successors(Some(error), |&error| error.source())
            .map(ToString::to_string)
            .any(|text| {
                text.starts_with("tunnel error") && !text.contains("underlying connection")
            });
        if refused {
            format!(
                "the proxy {host}, of {name}, let nothing through: are its user and password right, and does it let \
                 this host pass? NO_PROXY names hosts that need none"
            )
        } else {
            format!("if NO_PROXY doesn't except it, through the proxy {host}, of {name}")
        }
    }
}
