//! A signed assertion, exchanged for an ID token.

use crate::build_error::{BuildError, Problems};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::token_endpoint::{self, TokenEndpoint};
use crate::names::Audience;
use crate::redact::SecretText;
use crate::token::{Asking, IdToken, Identity, ProvideIdToken, SignJwt, future};
use serde::Deserialize;

/// Turns a [`SignJwt`] into a [`ProvideIdToken`]: exchanges the signed assertion at Google's token
/// endpoint
/// ([service accounts and ID tokens](https://cloud.google.com/docs/authentication/get-id-token)).
#[derive(Clone, Debug)]
pub struct JwtBearer<S> {
    signer: S,
    endpoint: Result<TokenEndpoint, BuildError>,
}

impl<S: SignJwt> JwtBearer<S> {
    /// Exchanges what `signer` signs, at the token endpoint that the signer names, or else at
    /// `https://oauth2.googleapis.com/token`.
    pub fn new(signer: S) -> Self {
        let uri = signer.token_uri().unwrap_or(token_endpoint::DEFAULT);
        Self {
            endpoint: TokenEndpoint::parse("token_uri", uri),
            signer,
        }
    }

    /// Replaces the token endpoint: https, or http on loopback. It is the assertion's `aud` as
    /// well. `build` refuses any other URI.
    #[must_use]
    pub fn token_uri(mut self, uri: impl Into<String>) -> Self {
        self.endpoint = TokenEndpoint::parse("token_uri", uri);
        self
    }

    async fn token(&self, cx: &Context, audience: &Audience) -> Result<IdToken, Error> {
        #[derive(Deserialize)]
        struct Answer {
            id_token: Option<SecretText>,
        }
        let endpoint = self.endpoint.as_ref().map_err(|error| {
            Error::new(
                Stage::TokenEndpoint,
                ErrorKind::Configuration,
                error.clone(),
            )
        })?;
        let asking = Asking::IdTokenFor(audience.as_str());
        let (Answer { id_token }, response) =
            token_endpoint::exchange(cx, endpoint, &self.signer, asking).await?;
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

    /// The account that the signer names, at this token endpoint.
    fn identity<'a>(&'a self, cx: &'a Context, _: bool) -> future::ProvideIdentity<'a> {
        future::ProvideIdentity::new(async move {
            let Ok(endpoint) = &self.endpoint else {
                return Ok(None);
            };
            let account = self.signer.issuer(cx).await?;
            let fields = [account.as_str(), endpoint.uri()];
            Ok(Some(Identity::new("jwt-bearer", fields)))
        })
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let mut problems = Problems::default();
        problems.take(self.endpoint.as_ref().map(drop).map_err(Clone::clone));
        problems.take(self.signer.check(cx));
        problems.finish()
    }
}
