//! A server that an exchange calls, and whether it answers.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, Stage};
use crate::transport::{Endpoint, Request};
use std::time::{Duration, SystemTime};

/// The value of `Metadata-Flavor`, which a metadata server demands of every request and puts into
/// its answers.
pub(crate) const FLAVOR: &str = "Google";

/// A server that an exchange calls: for firewall rules, and for checks of the network.
///
/// [`ApplicationDefault::identify`](crate::ApplicationDefault::identify) and
/// [`GoogleWebIdentityProvider::sts_server`](crate::GoogleWebIdentityProvider::sts_server) name the
/// servers of a program.
#[derive(Clone, Debug)]
pub struct Server {
    stage: Stage,
    endpoint: Endpoint,
    direct: bool,
}

/// An answer to [`Server::probe`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Probed {
    /// The HTTP status. Any status shows that name, proxy, certificate and server work.
    pub status: u16,
    /// When the answer arrived, by this machine's clock.
    pub received_at: SystemTime,
    /// The server's own time, in whole seconds, if the answer has a valid `Date`.
    pub date: Option<SystemTime>,
}

impl Server {
    /// The server at this URI, `http` or `https`. `stage` says what it is called for.
    ///
    /// # Errors
    /// When the text is not such a URI.
    pub fn new(stage: Stage, uri: impl AsRef<str>) -> Result<Self, BuildError> {
        Endpoint::parse("server", uri.as_ref()).map(|endpoint| Self::of(stage, &endpoint))
    }

    pub(crate) fn of(stage: Stage, endpoint: &Endpoint) -> Self {
        Self {
            stage,
            endpoint: endpoint.clone(),
            direct: stage == Stage::Metadata || stage == Stage::Source && endpoint.is_link_local(),
        }
    }

    /// The stage at which it is called.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        self.endpoint.origin()
    }

    /// Whether requests bypass the proxy of the environment, whatever `NO_PROXY` says.
    pub fn bypasses_proxy(&self) -> bool {
        self.direct
    }

    /// Sends one `GET /` without credentials, as the exchange would send a request: with the same
    /// client, proxy and root certificates.
    ///
    /// # Errors
    /// When no complete answer of at most 64 KiB arrives within this time: why, and what to do.
    pub async fn probe(&self, cx: &Context, within: Duration) -> Result<Probed, Error> {
        // Only the origin: a GET of the token endpoint's own path, for example, is an error there.
        let root = Endpoint::parse("server", &self.origin());
        let root = root.unwrap_or_else(|_| self.endpoint.clone());
        let mut request = Request::get(self.stage, "GET /", &root)
            .path("/")
            .once(within);
        if self.stage == Stage::Metadata {
            request = request.header("metadata-flavor", FLAVOR);
        }
        if self.direct {
            request = request.direct();
        }
        let response = cx.transport().send(request).await?;
        Ok(Probed {
            status: response.status,
            received_at: response.received.at,
            date: response.received.date,
        })
    }
}
