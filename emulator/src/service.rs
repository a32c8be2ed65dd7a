//! The servers: for each, which calls it has, how it recognizes them, and its healthy answers.
//!
//! A server is a [`Service`] in [`SERVICES`]. Nothing else lists the servers: ports, origins,
//! command-line arguments and routing all follow that table.

pub(crate) mod iam;
pub(crate) mod jwks;
pub(crate) mod kms;
pub(crate) mod metadata;
pub(crate) mod reply;
pub(crate) mod sts;
pub(crate) mod token_endpoint;

use crate::call::Call;
use crate::request::RecordedRequest;
use crate::state::State;
use http::request::Parts;
use reply::Reply;

/// One server.
pub(crate) struct Service {
    /// Unique; names its origin and its port.
    pub(crate) name: &'static str,
    /// The calls it has, apart from [`Call::Other`].
    pub(crate) calls: &'static [Call],
    /// Which call a request is.
    pub(crate) call: fn(&Parts) -> Call,
    /// The healthy answer.
    pub(crate) answer: fn(&State, &RecordedRequest) -> Reply,
    /// Added to every answer, also to chosen ones.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

/// Every server of the emulator.
pub(crate) static SERVICES: [Service; 6] = [
    metadata::SERVICE,
    token_endpoint::SERVICE,
    iam::SERVICE,
    jwks::SERVICE,
    kms::SERVICE,
    sts::SERVICE,
];

impl Service {
    pub(crate) fn has(&self, call: Call) -> bool {
        self.calls.contains(&call)
    }
}
