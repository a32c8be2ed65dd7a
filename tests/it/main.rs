//! One binary for what is tested from outside.

mod accounts;
mod adapter;
mod allocations;
mod application_default;
mod auto_traits;
mod bad_input;
mod builder;
mod cache;
mod cache_kms;
mod checkup;
mod composition;
mod deploy;
mod faults;
mod flow;
#[cfg(feature = "gcp-auth")]
mod gcp_auth;
mod guide;
mod hygiene;
mod people;
mod properties;
mod redaction;
mod refresh;
mod roles;
mod sources;
mod sts;
mod support;
mod thirty_days;
mod transport;
mod where_it_runs;
