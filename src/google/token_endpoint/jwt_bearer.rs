//! An assertion, signed, for an ID token.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::token_endpoint;
use crate::names::Audience;
use crate::redact::SecretText;
use crate::token::{Asking, IdToken, ProvideIdToken, SignJwt, future};
use crate::transport::Endpoint;
use serde::Deserialize;

/// Makes a [`SignJwt`] a [`ProvideIdToken`]: the signed assertion is exchanged at Google's token
/// endpoint
/// ([service accounts and ID tokens](https://cloud.google.com/docs/authentication/get-id-token)).
#[derive(Clone, Debug)]
pub struct JwtBearer<S> {
    signer: S,
    token_uri: Option<String>,
}

impl<S: SignJwt> JwtBearer<S> {
    /// Exchanges what `signer` signs.
    pub fn new(signer: S) -> Self {
        Self {
            signer,
            token_uri: None,
        }
    }

    /// Replaces the token endpoint, which else is the one that the signer names, or `https://oauth2.googleapis.com/token`:
    /// https, or http on loopback. It is the assertion's `aud` as well. `build` refuses any other.
    #[must_use]
    pub fn token_uri(mut self, uri: impl Into<String>) -> Self {
        self.token_uri = Some(uri.into());
        self
    }

    fn endpoint(&self) -> (&str, Result<Endpoint, BuildError>) {
        let uri = self
            .token_uri
            .as_deref()
            .or_else(|| self.signer.token_uri())
            .unwrap_or(token_endpoint::DEFAULT);
        (uri, Endpoint::secure("token_uri", uri))
    }

    async fn token(&self, cx: &Context, audience: &Audience) -> Result<IdToken, Error> {
        #[derive(Deserialize)]
        struct Answer {
            id_token: Option<SecretText>,
        }
        let (uri, endpoint) = self.endpoint();
        let endpoint = endpoint
            .map_err(|error| Error::new(Stage::TokenEndpoint, ErrorKind::Configuration, error))?;
        let asking = (uri, Asking::IdTokenFor(audience.as_str()));
        let (Answer { id_token }, response) =
            token_endpoint::exchange(cx, &endpoint, &self.signer, asking).await?;
        let id_token = id_token.ok_or_else(|| {
            Error::from_message(
                Stage::TokenEndpoint,
                ErrorKind::MalformedResponse,
                format!("the answer has no id_token: {}", response.describe()),
            )
            .with_hint("the assertion must carry target_audience, not scope")
        })?;
        IdToken::received(
            Stage::TokenEndpoint,
            id_token.0.expose(),
            audience,
            &response.received,
        )
        .map_err(|error| response.blame(error))
    }
}

impl<S: SignJwt> ProvideIdToken for JwtBearer<S> {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.token(cx, audience))
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let mut problems = crate::build_error::Problems::default();
        problems.take(self.endpoint().1);
        problems.take(self.signer.check(cx));
        problems.finish()
    }
}
