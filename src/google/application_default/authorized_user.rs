//! A person: the refresh token that `gcloud auth application-default login` writes
//! ([RFC 6749, 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::token_endpoint;
use crate::google::token_endpoint::{Client, Grant};
use crate::redact::SecretText;
use crate::token::{AccessToken, ProvideAccessToken, TokenAnswer, future};
use crate::transport::Endpoint;
use serde::Deserialize;
use std::fmt;

/// The fields of an `authorized_user` file, and of an `external_account_authorized_user`, who signed in through a workforce
/// pool.
#[derive(Deserialize)]
pub(crate) struct AuthorizedUser {
    #[serde(skip)]
    is_of_workforce: bool,
    client_id: String,
    client_secret: SecretText,
    refresh_token: SecretText,
    #[serde(alias = "token_url")]
    token_uri: Option<String>,
}

impl AuthorizedUser {
    pub(crate) fn of_workforce(self) -> Self {
        Self {
            is_of_workforce: true,
            ..self
        }
    }

    /// As the file names it, and where it is.
    fn token_endpoint(&self) -> (&'static str, &str) {
        let (name, default) = match self.is_of_workforce {
            false => ("token_uri", token_endpoint::DEFAULT),
            true => ("token_url", "https://sts.googleapis.com/v1/oauthtoken"),
        };
        (name, self.token_uri.as_deref().unwrap_or(default))
    }

    fn endpoint(&self) -> Result<Endpoint, BuildError> {
        let (name, uri) = self.token_endpoint();
        Endpoint::secure(name, uri)
    }

    /// The scope is that which the user agreed to: a refresh can't widen it.
    async fn token(&self, cx: &Context) -> Result<AccessToken, Error> {
        let endpoint = self
            .endpoint()
            .map_err(|error| Error::new(Stage::TokenEndpoint, ErrorKind::Configuration, error))?;
        let client = Client {
            id: &self.client_id,
            secret: self.client_secret.0.expose(),
        };
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", self.refresh_token.0.expose()),
        ];
        let (who, client) = match self.is_of_workforce {
            true => ("of a workforce pool's user", Some(client)),
            false => {
                form.extend([("client_id", client.id), ("client_secret", client.secret)]);
                ("of gcloud's user", None)
            }
        };
        let who = (Grant::RefreshToken, who);
        let (answer, response): (TokenAnswer, _) =
            token_endpoint::post(cx, &endpoint, who, client, &form).await?;
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
        let (name, uri) = self.token_endpoint();
        f.debug_struct("AuthorizedUser")
            .field("client_id", &self.client_id)
            .field(name, &uri)
            .finish_non_exhaustive()
    }
}
