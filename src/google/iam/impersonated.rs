//! An access token of another account, made by Google's IAM
//! ([generateAccessToken](https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken)).

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::iam::Impersonation;
use crate::names::ServiceAccountEmail;
use crate::redact::SecretText;
use crate::token::{AccessToken, ProvideAccessToken, future};
use aws_smithy_types::date_time::{DateTime, Format};
use serde::Deserialize;
use serde_json::{Map, json};
use std::sync::Arc;
use std::time::SystemTime;

/// An impersonated account that impersonates another in turn.
#[derive(Debug)]
pub(crate) struct Impersonated {
    pub(crate) account: ServiceAccountEmail,
    pub(crate) access: Arc<dyn ProvideAccessToken>,
    pub(crate) impersonation: Impersonation,
}

impl Impersonated {
    async fn token(&self, cx: &Context, scope: &str) -> Result<AccessToken, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            access_token: SecretText,
            expire_time: String,
        }
        let mut body = Map::new();
        body.insert("scope".to_owned(), json!([scope]));
        let (answer, _): (Answer, _) = self
            .impersonation
            .call(
                cx,
                &*self.access,
                &self.account,
                "generateAccessToken",
                body,
            )
            .await?;
        let expires_at = DateTime::from_str(&answer.expire_time, Format::DateTime)
            .ok()
            .and_then(|time| SystemTime::try_from(time).ok())
            .ok_or_else(|| {
                Error::from_message(
                    Stage::Iam,
                    ErrorKind::MalformedResponse,
                    "generateAccessToken: the answer's expireTime is no time",
                )
            })?;
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
        self.access.check(cx)?;
        self.impersonation.check()
    }
}
