//! AWS credentials for programs with a Google identity. No AWS key is stored anywhere.
//!
//! The crate gets a Google ID token, has AWS STS exchange it for the credentials of a role
//! (`AssumeRoleWithWebIdentity`), and refreshes them before they expire. It plugs into the AWS SDK
//! as a credentials provider.
//!
//! ```no_run
//! use aws_config::{BehaviorVersion, Region};
//! use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer};
//! use aws_sdk_s3::error::DisplayErrorContext;
//!
//! #[tokio::main]
//! async fn main() {
//!     if let Err(error) = list_buckets().await {
//!         eprintln!("error: {}", DisplayErrorContext(&*error));
//!         std::process::exit(1);
//!     }
//! }
//!
//! async fn list_buckets() -> Result<(), Box<dyn std::error::Error>> {
//!     let provider = GoogleWebIdentityProvider::builder("arn:aws:iam::123456789012:role/demo")
//!         .audience("https://myservice.example.com")
//!         .token_source(MetadataServer::new())
//!         .region(Region::new("us-east-1"))
//!         .build()
//!         .await?;
//!     let config = aws_config::defaults(BehaviorVersion::latest())
//!         .region("us-east-1")
//!         .credentials_provider(provider)
//!         .load()
//!         .await;
//!     let s3 = aws_sdk_s3::Client::new(&config);
//!     for bucket in s3.list_buckets().send().await?.buckets() {
//!         println!("{}", bucket.name().unwrap_or_default());
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Where next
//!
//! | You want to | Look at |
//! |---|---|
//! | understand the exchange, or configure it by environment variables | [the guide](guide) |
//! | choose where the Google identity comes from | [`guide::sources`] |
//! | write the role's trust policy, or find out why it refuses | [`guide::trust_policy`], [`trust_policy`] |
//! | know when credentials are refreshed, and what an outage does | [`guide::refresh`], [`RefreshPolicy`] |
//! | share sessions among processes or machines | [`guide::shared_cache`], [`SessionCache`] |
//! | act on an error, or read a message | [`guide::errors`], [`Error`], [`BuildError`] |
//! | use `object_store`, opendal, sqlx with RDS, Bedrock | [`guide::recipes`] |
//! | test your program without a cloud | [`guide::testing`] |
//! | deploy on GKE, Cloud Run or elsewhere | [`guide::clouds`] |
//! | sign with a KMS, an HSM or Vault, or bring your own token | [`SignJwt`], [`ProvideIdToken`] |
//!
//! The programs in [`examples/`][examples] are complete, one for each source.
//!
//! # Features
//!
//! - `gcp-auth` (default): [`GcpAuth`], access tokens of gcloud's user and of any provider of the
//!   crate `gcp_auth`.
//! - `object_store_0_14`: [`GoogleWebIdentityProvider`] is the `CredentialProvider` of
//!   `object_store` 0.14.
//! - `redis_1`: [`RedisCache`], which keeps sessions in Redis, with the crate `redis` 1.x.
//! - `reqsign_3`: [`GoogleWebIdentityProvider`] is the `ProvideCredential` of reqsign 3, which
//!   opendal 0.57 to 0.59 and iceberg use.
//! - `test-util`: setters of [`Builder`] for the environment, the machine and the clock of a test.
//!
//! [examples]: https://docs.rs/crate/aws-google-web-identity/latest/source/examples/
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub, missing_debug_implementations)]

#[cfg(any(feature = "object_store_0_14", feature = "reqsign_3"))]
mod adapter;
mod aws;
mod build_error;
mod builder;
mod cache;
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
#[cfg(doc)]
pub mod guide;
mod names;
mod provider;
mod redact;
mod refresh;
mod roles;
mod server;
mod source;
mod token;
mod transport;

pub use aws::session::Session;
pub use aws::trust_policy;
pub use build_error::{BuildError, Problem};
pub use builder::Builder;
pub use cache::{
    CacheKey, FileCache, GoogleKms, Lease, Sealed, SealingKey, SessionCache, SessionEntry,
};
#[cfg(feature = "redis_1")]
pub use cache::{RedisCache, RedisCacheBuilder};
#[cfg(feature = "test-util")]
pub use clock::MonotonicClock;
pub use context::Context;
pub use error::{Error, ErrorKind, Stage};
pub use google::application_default::{ApplicationDefault, DefaultIdentity};
pub use google::iam::{IamIdToken, IamSignJwt};
pub use google::metadata_server::MetadataServer;
pub use google::platform::Platform;
pub use google::token_endpoint::{JwtBearer, LocalKey};
pub use names::{Audience, RoleArn, ServiceAccountEmail, SessionName};
pub use provider::GoogleWebIdentityProvider;
pub use refresh::RefreshPolicy;
pub use roles::{RoleBuilder, Roles, RolesBuilder};
pub use server::{Probed, Server};
#[cfg(feature = "gcp-auth")]
pub use source::GcpAuth;
pub use source::{SharedIdToken, TokenCommand, TokenFile, TokenFn};
pub use token::{
    AccessToken, Assertion, Claims, IdToken, Identity, ProvideAccessToken, ProvideIdToken, SignJwt,
    SignedJwt,
};

/// The futures that the traits of this crate return: opaque, with `new` and `ready`, like
/// [`aws_credential_types::provider::future`].
pub mod future {
    pub use crate::cache::future::{LeaseSession, LoadSession, ReleaseSession, StoreSession};
    pub use crate::token::future::{
        Issuer, ProvideAccessToken, ProvideIdToken, ProvideIdentity, SignJwt,
    };
}

/// Compiles the programs of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
