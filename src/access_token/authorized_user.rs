//! A user of gcloud: the refresh token that `gcloud auth application-default login` writes
//! ([RFC 6749, 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).

use super::{AccessToken, ProvideAccessToken, TokenAnswer};
use crate::http::Endpoint;
use crate::secret::SecretText;
use crate::{BuildError, Context, Error, ErrorKind, Stage, future, token_endpoint};
use serde::Deserialize;
use std::fmt;

/// The fields of an `authorized_user` file.
#[derive(Deserialize)]
pub(crate) struct AuthorizedUser {
    client_id: String,
    client_secret: SecretText,
    refresh_token: SecretText,
    #[serde(default = "default_uri")]
    token_uri: String,
}

fn default_uri() -> String {
    token_endpoint::DEFAULT.to_owned()
}

impl AuthorizedUser {
    fn endpoint(&self) -> Result<Endpoint, BuildError> {
        Endpoint::secure("token_uri", &self.token_uri)
    }

    /// The scope is that which the user agreed to: a refresh can't widen it.
    async fn token(&self, cx: &Context) -> Result<AccessToken, Error> {
        let endpoint = self
            .endpoint()
            .map_err(|error| Error::new(Stage::Exchange, ErrorKind::Configuration, error))?;
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &self.client_id),
            ("client_secret", self.client_secret.0.expose()),
            ("refresh_token", self.refresh_token.0.expose()),
        ];
        let (answer, response): (TokenAnswer, _) =
            token_endpoint::post(cx, &endpoint, "of gcloud's user", &form)
                .await
                .map_err(|error| {
                    match error.code() {
            Some("invalid_grant") => error.with_hint(
                "the login expired or was revoked: run `gcloud auth application-default login`",
            ),
            _ => error,
        }
                })?;
        Ok(answer.into_token(response.received.at))
    }
}

impl ProvideAccessToken for AuthorizedUser {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        _: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(self.token(cx))
    }

    fn check(&self, _: &Context) -> Result<(), BuildError> {
        self.endpoint().map(drop)
    }
}

impl fmt::Debug for AuthorizedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizedUser")
            .field("client_id", &self.client_id)
            .field("token_uri", &self.token_uri)
            .finish_non_exhaustive()
    }
}
