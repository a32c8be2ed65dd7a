//! Whether the program runs on Google's infrastructure.
//!
//! Only Google's infrastructure has a metadata server. Elsewhere a DNS look-up of its name can hang
//! for half a minute.

use crate::context::Context;
use crate::environment::Environment;
use crate::error::Stage;
use crate::redact::shown;
use crate::server::FLAVOR;
use crate::transport::{Endpoint, Request};
use std::fmt;
use std::time::Duration;

/// The server is on the same host, and a chain of providers must go on within 200 ms.
const PROBE: Duration = Duration::from_millis(150);

/// Whether this is Google's infrastructure, by the environment and the firmware, and the sign that
/// says so. `Display` says both.
///
/// Only Google's infrastructure has a metadata server:
/// [`MetadataServer`](crate::MetadataServer#where-it-works) lists the signs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// On Google's infrastructure.
    Google(String),
    /// Elsewhere, so that the metadata server is not asked.
    Elsewhere(String),
    /// Only a request to the metadata server's address can decide.
    Unclear(String),
}

impl Platform {
    /// Reads the signs, and sends nothing.
    pub fn of(cx: &Context) -> Self {
        Self::in_environment(cx.environment())
    }

    /// Reads the signs, the most explicit one first.
    pub(crate) fn in_environment(environment: &Environment) -> Self {
        let set = |name: &str| environment.get(name).is_some();
        if environment
            .get("NO_GCE_CHECK")
            .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "1"))
        {
            return Self::Elsewhere("NO_GCE_CHECK is set".to_owned());
        }
        if set("GCE_METADATA_HOST") {
            return Self::Google("GCE_METADATA_HOST is set".to_owned());
        }
        let in_kubernetes = set("KUBERNETES_SERVICE_HOST");
        // Knative sets K_SERVICE in any Kubernetes cluster; Cloud Run itself does not set
        // KUBERNETES_SERVICE_HOST.
        let serverless = [
            "K_SERVICE",
            "CLOUD_RUN_JOB",
            "CLOUD_RUN_WORKER_POOL",
            "GAE_ENV",
            "GAE_SERVICE",
            "GAE_INSTANCE",
        ];
        if let Some(name) = serverless.iter().find(|name| set(name))
            && !in_kubernetes
        {
            return Self::Google(format!("{name} is set"));
        }
        match environment.product_name() {
            Some(name) if name.starts_with("Google") => {
                Self::Google(format!("the firmware calls the machine {}", shown(&name)))
            }
            Some(name) => {
                Self::Elsewhere(format!("the firmware calls the machine {}", shown(&name)))
            }
            None if in_kubernetes => Self::Unclear(
                "a Kubernetes pod that can't read the firmware's name of its machine".to_owned(),
            ),
            None => Self::Unclear("the firmware's name of the machine can't be read".to_owned()),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Platform::Google(sign) => write!(f, "on Google's infrastructure: {sign}"),
            Platform::Elsewhere(sign) => write!(f, "not on Google's infrastructure: {sign}"),
            Platform::Unclear(sign) => f.write_str(sign),
        }
    }
}

/// Decides whether this is Google's infrastructure. Asks the metadata server's address if no sign
/// decides.
///
/// A failed request is not cached: a pod can start before its metadata server.
///
/// # Errors
/// The reason why this is not Google's infrastructure.
pub(crate) async fn require_google(cx: &Context, address: Option<&Endpoint>) -> Result<(), String> {
    match (Platform::of(cx), address) {
        (Platform::Google(_), _) => Ok(()),
        (elsewhere @ Platform::Elsewhere(_), _) => Err(elsewhere.to_string()),
        (Platform::Unclear(sign), None) => Err(sign),
        (Platform::Unclear(sign), Some(address)) => match is_metadata_server(cx, address).await {
            true => Ok(()),
            false => Err(format!(
                "{sign}, and nothing at {} answered as Google's metadata server (it was given {} ms)",
                address.origin(),
                PROBE.as_millis()
            )),
        },
    }
}

/// A request to a metadata server, which no proxy may see.
pub(crate) fn metadata_request(operation: &'static str, server: &Endpoint) -> Request {
    Request::get(Stage::Metadata, operation, server)
        .header("metadata-flavor", FLAVOR)
        .direct()
}

/// Whether a metadata server answers there.
pub(crate) async fn is_metadata_server(cx: &Context, address: &Endpoint) -> bool {
    let request = metadata_request("probe", address).path("/").once(PROBE);
    cx.transport()
        .send(request)
        .await
        .is_ok_and(|response| response.flavor() == Some(FLAVOR))
}

#[cfg(all(test, feature = "test-util"))]
mod tests;
