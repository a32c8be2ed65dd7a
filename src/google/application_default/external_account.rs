//! Workload identity federation: another identity provider's token, exchanged at Google's STS
//! ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693#section-2.1),
//! [configuration](https://google.aip.dev/auth/4117)).

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::Error;
use crate::file::json;
use crate::google::application_default::subject_token::{self, SubjectToken};
use crate::google::token_endpoint::{self, Client, Grant, TokenEndpoint};
use crate::redact::{Secret, SecretText, shown};
use crate::server::Server;
use crate::token::{AccessToken, ProvideAccessToken, TokenAnswer, future};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::fmt;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const DEFAULT_TOKEN_URL: &str = "https://sts.googleapis.com/v1/token";

/// All but the unreserved characters ([RFC 3986,
/// 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

#[derive(Deserialize)]
struct Fields {
    #[serde(default, deserialize_with = "json::text")]
    audience: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    subject_token_type: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    token_url: Option<String>,
    #[serde(default, deserialize_with = "json::null_is_default")]
    credential_source: subject_token::Fields,
    #[serde(default, deserialize_with = "json::text")]
    client_id: Option<String>,
    #[serde(default, deserialize_with = "json::secret")]
    client_secret: Option<SecretText>,
    #[serde(default, deserialize_with = "json::text")]
    workforce_pool_user_project: Option<String>,
}

/// A federated identity, parsed.
pub(crate) struct ExternalAccount {
    audience: String,
    subject_token_type: String,
    subject_token: SubjectToken,
    endpoint: TokenEndpoint,
    client: Option<(String, Secret)>,
    /// The project that a person's calls count against when no client is known.
    workforce_pool_user_project: Option<String>,
}

impl ExternalAccount {
    /// `name` names the file in messages.
    pub(crate) fn parse(name: &str, bytes: &[u8]) -> Result<Self, BuildError> {
        let wrong = |what: String| BuildError::new(name, what);
        let missing = |field: &str| wrong(format!("has no {field:?}"));
        let fields: Fields = json::parse(name, "an external_account", bytes)?;
        let subject_token = SubjectToken::parse(fields.credential_source).map_err(wrong)?;
        let audience = fields.audience.ok_or_else(|| missing("audience"))?;
        // Those of a project's pools are `//iam.googleapis.com/projects/…/workloadIdentityPools/…`.
        if fields.workforce_pool_user_project.is_some() && !audience.contains("/workforcePools/") {
            return Err(wrong(format!(
                "its workforce_pool_user_project is for workforce pools, and the audience {} is none",
                shown(&audience)
            )));
        }
        let token_url = fields.token_url.as_deref().unwrap_or(DEFAULT_TOKEN_URL);
        let secret = fields
            .client_secret
            .map_or_else(|| Secret::new(""), |it| it.0);
        Ok(Self {
            audience,
            subject_token_type: fields
                .subject_token_type
                .ok_or_else(|| missing("subject_token_type"))?,
            subject_token,
            endpoint: TokenEndpoint::parse("token_url", token_url)
                .map_err(|error| wrong(format!("its {error}")))?,
            client: fields.client_id.map(|id| (id, secret)),
            workforce_pool_user_project: fields.workforce_pool_user_project,
        })
    }

    /// Where the subject token is exchanged, after the server that issues it, if there is one.
    pub(crate) fn servers(&self) -> impl Iterator<Item = Server> {
        let issuer = self.subject_token.server();
        issuer.into_iter().chain([self.endpoint.server()])
    }

    /// The subject token in this answer or file, for the fuzzer.
    #[cfg(fuzzing)]
    pub(crate) fn extract(&self, bytes: &[u8]) -> Result<Secret, String> {
        self.subject_token.extract(bytes)
    }

    /// Google's STS reads JSON that is percent-encoded before the form is
    /// ([options](https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token#request-body)).
    fn options(&self) -> Option<String> {
        let project = self.workforce_pool_user_project.as_deref()?;
        let options = serde_json::json!({"userProject": project}).to_string();
        Some(utf8_percent_encode(&options, RESERVED).to_string())
    }

    async fn token(&self, cx: &Context, scope: &str) -> Result<AccessToken, Error> {
        let subject = self.subject_token.read(cx).await?;
        let mut form = vec![
            ("grant_type", GRANT_TYPE),
            ("audience", &self.audience),
            ("scope", scope),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token", subject.expose()),
            ("subject_token_type", &self.subject_token_type),
        ];
        let client = self.client.as_ref().map(|(id, secret)| Client {
            id,
            secret: secret.expose(),
        });
        let options = self.options();
        if let Some(options) = options.as_deref().filter(|_| client.is_none()) {
            form.push(("options", options));
        }
        let who = (Grant::SubjectToken, self.audience.as_str());
        let (answer, response): (TokenAnswer, _) =
            token_endpoint::post(cx, &self.endpoint, who, client, &form).await?;
        Ok(answer.into_token(response.received.at))
    }
}

impl ProvideAccessToken for ExternalAccount {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(self.token(cx, scope))
    }
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount")
            .field("audience", &self.audience)
            .field("subject_token_type", &self.subject_token_type)
            .field("token_url", &self.endpoint)
            .field("subject_token", &self.subject_token)
            .finish_non_exhaustive()
    }
}
