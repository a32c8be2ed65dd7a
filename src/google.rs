//! Google's servers, a folder for each, with everything that talks to it.

mod api_error;
pub(crate) mod application_default;
pub(crate) mod iam;
pub(crate) mod kms;
pub(crate) mod metadata_server;
pub(crate) mod platform;
pub(crate) mod token_endpoint;
