#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, missing_debug_implementations)]

mod aws;
mod build_error;
mod builder;
mod clock;
mod context;
mod environment;
mod error;
mod exchange;
mod file;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod google;
mod lost;
mod names;
mod provider;
mod redact;
mod refresh;
mod source;
mod token;
mod transport;

pub use aws::session::Session;
pub use aws::trust_policy;
pub use build_error::{BuildError, Problem};
pub use builder::Builder;
#[cfg(feature = "test-util")]
pub use clock::MonotonicClock;
pub use context::Context;
pub use error::{Error, ErrorKind, Stage};
pub use google::application_default::ApplicationDefault;
pub use google::iam::{IamIdToken, IamSignJwt};
pub use google::metadata_server::MetadataServer;
pub use google::token_endpoint::{JwtBearer, LocalKey};
pub use names::{Audience, RoleArn, ServiceAccountEmail, SessionName};
pub use provider::GoogleWebIdentityProvider;
pub use refresh::RefreshPolicy;
#[cfg(feature = "gcp-auth")]
pub use source::GcpAuth;
pub use source::{SharedIdToken, TokenCommand, TokenFile, TokenFn};
pub use token::future;
pub use token::{
    AccessToken, Assertion, Claims, IdToken, ProvideAccessToken, ProvideIdToken, SignJwt, SignedJwt,
};
