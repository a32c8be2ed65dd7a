//! Signing in process, with the key of a service account.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::file;
use crate::google::token_endpoint::key_file::KeyFile;
use crate::google::token_endpoint::{self, TokenEndpoint};
use crate::names::ServiceAccountEmail;
use crate::redact::ShownPath;
use crate::server::Server;
use crate::token::{
    AccessToken, Asking, Assertion, ProvideAccessToken, SignJwt, SignedJwt, TokenAnswer, future,
};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A service-account key, from the file that Google's console and gcloud write.
///
/// The key is parsed and checked once. It is a [`SignJwt`], and a [`ProvideAccessToken`] for
/// calling IAM. It is cheap to clone; `Debug` shows account and key id.
#[derive(Clone)]
pub struct LocalKey(Arc<Inner>);

struct Inner {
    email: ServiceAccountEmail,
    key_id: Option<String>,
    endpoint: TokenEndpoint,
    /// The JWT's header, encoded.
    header: String,
    key: RsaKeyPair,
}

impl LocalKey {
    /// Reads a key file.
    ///
    /// # Errors
    /// When the file can't be read, isn't a regular file, or doesn't hold what
    /// [`from_json`](Self::from_json) takes. The message names the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, BuildError> {
        let path = ShownPath::new(path.as_ref());
        if let Some(kind) = path.secret_kind() {
            return Err(BuildError::new(
                "LocalKey::from_file",
                format!(
                    "was given {kind} (not shown), and a path is expected; contents are for \
                     LocalKey::from_json, or ApplicationDefault::from_json for any type of file"
                ),
            ));
        }
        let name = format!("key file {path}");
        let json = file::read(path.as_path()).map_err(|error| {
            BuildError::new(name.clone(), file::explain(&error)).with_source(error)
        })?;
        Self::named(&name, &json)
    }

    /// Reads the contents of a key file: JSON of `"type": "service_account"` with an RSA key of at
    /// least 2048 bits, PKCS#8 or PKCS#1.
    ///
    /// # Errors
    /// Another type, a `universe_domain` other than googleapis.com, a `token_uri` that is not https
    /// (loopback excepted), a key that can't be read. The message names the field, never its value
    /// if that is secret.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, BuildError> {
        Self::named("service-account key", json.as_ref())
    }

    /// `name` names the key's file in messages.
    pub(crate) fn named(name: &str, json: &[u8]) -> Result<Self, BuildError> {
        let KeyFile {
            email,
            key_id,
            key,
            endpoint,
        } = KeyFile::parse(name, json)?;
        let mut header = Header::new(Algorithm::RS256);
        header.kid.clone_from(&key_id);
        let header = serde_json::to_vec(&header)
            .map_err(|error| BuildError::new(name, "its key id is no text").with_source(error))?;
        let header = URL_SAFE_NO_PAD.encode(header);
        Ok(Self(Arc::new(Inner {
            email,
            key_id,
            endpoint,
            header,
            key,
        })))
    }

    /// The account that the key belongs to.
    pub fn email(&self) -> &ServiceAccountEmail {
        &self.0.email
    }

    pub(crate) fn server(&self) -> Server {
        self.0.endpoint.server()
    }

    pub(super) fn sign(&self, assertion: &Assertion) -> Result<SignedJwt, Error> {
        let Inner { header, key, .. } = &*self.0;
        let mut jwt = String::with_capacity(2048);
        jwt.push_str(header);
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(assertion.claims_json(), &mut jwt);
        let mut signature = vec![0; key.public_key().modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            jwt.as_bytes(),
            &mut signature,
        )
        .map_err(|_| {
            Error::from_message(
                Stage::Sign,
                ErrorKind::Configuration,
                "the RSA key can't sign",
            )
        })?;
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jwt);
        Ok(SignedJwt::new(jwt))
    }

    async fn access_token(&self, cx: &Context, scope: &str) -> Result<AccessToken, Error> {
        let asking = Asking::AccessTokenOf(scope);
        let (answer, response): (TokenAnswer, _) =
            token_endpoint::exchange(cx, &self.0.endpoint, self, asking).await?;
        Ok(answer.into_token(response.received.at))
    }
}

impl SignJwt for LocalKey {
    fn issuer<'a>(&'a self, _: &'a Context) -> future::Issuer<'a> {
        future::Issuer::ready(Ok(self.0.email.clone()))
    }

    fn sign_jwt<'a>(&'a self, _: &'a Context, assertion: &'a Assertion) -> future::SignJwt<'a> {
        future::SignJwt::ready(self.sign(assertion))
    }

    fn token_uri(&self) -> Option<&str> {
        Some(self.0.endpoint.uri())
    }
}

impl ProvideAccessToken for LocalKey {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(self.access_token(cx, scope))
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey")
            .field("email", &self.0.email)
            .field("key_id", &self.0.key_id)
            .field("token_uri", &self.0.endpoint)
            .finish_non_exhaustive()
    }
}
