#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, missing_debug_implementations)]

mod access_token;
mod assertion;
mod bounded;
mod build_error;
mod builder;
mod context;
#[cfg(feature = "test-util")]
pub mod emulator;
mod environment;
mod error;
mod exchange;
pub mod future;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod iam;
mod id_token;
mod lost;
mod names;
mod platform;
mod provider;
mod refresh;
mod secret;
mod session;
mod session_name;
mod signer;
mod sts;
mod token_endpoint;
pub mod trust_policy;

#[cfg(feature = "gcp-auth")]
pub use access_token::gcp_auth::GcpAuth;
pub use access_token::{AccessToken, ProvideAccessToken};
pub use assertion::Assertion;
pub use build_error::{BuildError, Problem};
pub use builder::Builder;
pub use context::Context;
pub use error::{Error, ErrorKind, Stage};
pub use id_token::application_default::ApplicationDefault;
pub use id_token::iam_id_token::IamIdToken;
pub use id_token::jwt_bearer::JwtBearer;
pub use id_token::metadata_server::MetadataServer;
pub use id_token::shared::SharedIdToken;
pub use id_token::token_command::TokenCommand;
pub use id_token::token_file::TokenFile;
pub use id_token::token_fn::TokenFn;
pub use id_token::{Claims, IdToken, ProvideIdToken};
pub use names::{Audience, RoleArn, ServiceAccountEmail, SessionName};
pub use provider::GoogleWebIdentityProvider;
#[cfg(feature = "test-util")]
pub use refresh::MonotonicClock;
pub use refresh::RefreshPolicy;
pub use session::Session;
pub use signer::iam_sign_jwt::IamSignJwt;
pub use signer::local_key::LocalKey;
pub use signer::{SignJwt, SignedJwt};
