//! A person: the refresh token that `gcloud auth application-default login` writes
//! ([RFC 6749, 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::Error;
use crate::file::json;
use crate::google::token_endpoint::{self, Client, Grant, TokenEndpoint};
use crate::redact::{Secret, SecretText};
use crate::server::Server;
use crate::token::{AccessToken, ProvideAccessToken, TokenAnswer, future};
use serde::Deserialize;
use std::fmt;

/// How the person signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Login {
    /// `authorized_user`: with a Google account.
    Google,
    /// `external_account_authorized_user`: through a workforce pool.
    Workforce,
}

impl Login {
    pub(crate) fn file_type(self) -> &'static str {
        match self {
            Self::Google => "authorized_user",
            Self::Workforce => "external_account_authorized_user",
        }
    }
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default, deserialize_with = "json::text")]
    client_id: Option<String>,
    #[serde(default, deserialize_with = "json::secret")]
    client_secret: Option<SecretText>,
    #[serde(default, deserialize_with = "json::secret")]
    refresh_token: Option<SecretText>,
    #[serde(default, deserialize_with = "json::text")]
    token_uri: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    token_url: Option<String>,
}

/// A login, parsed.
pub(crate) struct AuthorizedUser {
    login: Login,
    client_id: String,
    client_secret: Secret,
    refresh_token: Secret,
    endpoint: TokenEndpoint,
}

impl AuthorizedUser {
    /// `name` names the file in messages.
    pub(crate) fn parse(name: &str, bytes: &[u8], login: Login) -> Result<Self, BuildError> {
        let fields: Fields = json::parse(name, login.file_type(), bytes)?;
        let missing = |field: &str| BuildError::new(name, format!("has no {field:?}"));
        // Each type of file has its own name for the field.
        let (field, default) = match login {
            Login::Google => ("token_uri", token_endpoint::DEFAULT),
            Login::Workforce => ("token_url", "https://sts.googleapis.com/v1/oauthtoken"),
        };
        let uri = fields.token_uri.or(fields.token_url);
        let endpoint = TokenEndpoint::parse(field, uri.as_deref().unwrap_or(default))
            .map_err(|error| BuildError::new(name, format!("its {error}")))?;
        let secret = |field: Option<SecretText>, name| field.ok_or_else(|| missing(name));
        Ok(Self {
            login,
            client_id: fields.client_id.ok_or_else(|| missing("client_id"))?,
            client_secret: secret(fields.client_secret, "client_secret")?.0,
            refresh_token: secret(fields.refresh_token, "refresh_token")?.0,
            endpoint,
        })
    }

    pub(crate) fn server(&self) -> Server {
        self.endpoint.server()
    }

    pub(crate) fn login(&self) -> Login {
        self.login
    }

    /// Refreshes the token. Its scope is the one the user agreed to: a refresh can't widen it.
    async fn token(&self, cx: &Context) -> Result<AccessToken, Error> {
        let client = Client {
            id: &self.client_id,
            secret: self.client_secret.expose(),
        };
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", self.refresh_token.expose()),
        ];
        let (who, client) = match self.login {
            Login::Workforce => ("of a workforce pool's user", Some(client)),
            Login::Google => {
                form.extend([("client_id", client.id), ("client_secret", client.secret)]);
                ("of gcloud's user", None)
            }
        };
        let who = (Grant::RefreshToken, who);
        let (answer, response): (TokenAnswer, _) =
            token_endpoint::post(cx, &self.endpoint, who, client, &form).await?;
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
}

impl fmt::Debug for AuthorizedUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizedUser")
            .field("login", &self.login)
            .field("client_id", &self.client_id)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
