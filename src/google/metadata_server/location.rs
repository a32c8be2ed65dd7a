//! Where the metadata server is.

use crate::build_error::BuildError;
use crate::environment::Environment;
use crate::redact::shown;
use crate::transport::Endpoint;

const DEFAULT: &str = "http://metadata.google.internal";

/// The server that `GCE_METADATA_HOST` names, else the default one.
///
/// # Errors
/// When the variable is not a host or `host:port`.
pub(super) fn from_environment(environment: &Environment) -> Result<Endpoint, BuildError> {
    const HOST: &str = "GCE_METADATA_HOST";
    match environment.get(HOST) {
        None => Endpoint::parse("metadata server", DEFAULT),
        Some(host) if host.contains('/') => Err(BuildError::new(
            HOST,
            format!(
                "{} has a scheme or a path; host or host:port is expected",
                shown(&host)
            ),
        )),
        Some(host) => Endpoint::parse(HOST, &format!("http://{host}")),
    }
}
