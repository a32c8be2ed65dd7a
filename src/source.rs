//! ID tokens that do not come from a Google server.

#[cfg(feature = "gcp-auth")]
mod gcp_auth;
mod shared;
mod token_command;
mod token_file;
mod token_fn;

#[cfg(feature = "gcp-auth")]
pub use gcp_auth::GcpAuth;
pub use shared::SharedIdToken;
pub use token_command::TokenCommand;
pub use token_file::TokenFile;
pub use token_fn::TokenFn;
