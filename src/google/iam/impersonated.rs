//! Access tokens of another account, made by Google's IAM
//! ([generateAccessToken](https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken)).

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::Error;
use crate::google::iam::IamClient;
use crate::redact::SecretText;
use crate::token::{AccessToken, ProvideAccessToken, future};
use aws_smithy_types::date_time::{DateTime, Format};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::SystemTime;

/// An impersonated account that impersonates another in turn.
#[derive(Debug)]
pub(crate) struct Impersonated(pub(crate) IamClient);

impl Impersonated {
    async fn token(&self, cx: &Context, scope: &str) -> Result<AccessToken, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            access_token: SecretText,
            /// Not needed: each token is used at once. Google's form is RFC 3339.
            #[serde(default)]
            expire_time: Value,
        }
        let account = self.0.account(cx).await?;
        let body = json!({"scope": [scope]});
        let (answer, response): (Answer, _) = self
            .0
            .call(cx, &account, "generateAccessToken", body)
            .await?;
        let time = answer.expire_time.as_str().unwrap_or_default();
        let expires_at = DateTime::from_str(time, Format::DateTime)
            .ok()
            .and_then(|time| SystemTime::try_from(time).ok());
        let expires_at = expires_at.unwrap_or(response.received.at);
        Ok(AccessToken::of(answer.access_token.0, expires_at))
    }
}

impl ProvideAccessToken for Impersonated {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(self.token(cx, scope))
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.0.check(cx)
    }
}
