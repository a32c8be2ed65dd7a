//! What passes between the stages: the traits that connect them, and the tokens, claims and
//! assertions that they exchange.

pub(crate) mod access_token;
pub(crate) mod assertion;
pub(crate) mod claims;
pub(crate) mod future;
pub(crate) mod id_token;
pub(crate) mod identity;
pub(crate) mod sign_jwt;

pub use access_token::{AccessToken, ProvideAccessToken};
pub(crate) use access_token::{CLOUD_PLATFORM, TokenAnswer};
pub(crate) use assertion::Asking;
pub use assertion::Assertion;
pub use claims::Claims;
pub(crate) use id_token::MAX_TOKEN;
pub use id_token::{IdToken, ProvideIdToken};
pub use identity::Identity;
pub use sign_jwt::{SignJwt, SignedJwt};
