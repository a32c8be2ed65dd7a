//! ID tokens of another account, made by Google's IAM.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, Stage};
use crate::google::iam::IamClient;
use crate::names::Audience;
use crate::redact::SecretText;
use crate::token::{IdToken, Identity, ProvideAccessToken, ProvideIdToken, future};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Impersonates a service account: IAM makes the ID token
/// ([generateIdToken](https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken)).
///
/// The caller, whose access token is used, needs `iam.serviceAccounts.getOpenIdToken` on the
/// account, which is in `roles/iam.serviceAccountOpenIdTokenCreator`.
#[derive(Clone, Debug)]
pub struct IamIdToken {
    client: IamClient,
    include_email: bool,
    organization_number: bool,
}

impl IamIdToken {
    /// Provides tokens of the account with this e-mail, calling IAM with the access tokens of
    /// `access`.
    pub fn new(email: impl AsRef<str>, access: impl ProvideAccessToken + 'static) -> Self {
        let account = email.as_ref().parse();
        let account = account.map_err(|error: BuildError| error.of("IamIdToken::new"));
        Self::from_client(IamClient::new(account, Arc::new(access)))
    }

    pub(crate) fn from_client(client: IamClient) -> Self {
        Self {
            client,
            include_email: false,
            organization_number: false,
        }
    }

    /// Sets the chain of accounts between the caller and the one impersonated, bare e-mails or
    /// `projects/-/serviceAccounts/…`. Each needs `roles/iam.serviceAccountTokenCreator` on the
    /// next.
    #[must_use]
    pub fn delegates(mut self, delegates: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.client.set_delegates(delegates);
        self
    }

    /// Sets whether the token holds the account's e-mail. By default it doesn't.
    #[must_use]
    pub fn include_email(mut self, include: bool) -> Self {
        self.include_email = include;
        self
    }

    /// Sets whether the token holds the number of the account's organization, which a trust policy
    /// can test as `accounts.google.com:google/organization_number`. By default it doesn't.
    #[must_use]
    pub fn organization_number(mut self, include: bool) -> Self {
        self.organization_number = include;
        self
    }

    /// Replaces the origin `https://iamcredentials.googleapis.com`: https, or http on loopback.
    #[must_use]
    pub fn endpoint(mut self, uri: impl Into<String>) -> Self {
        self.client.set_endpoint(uri);
        self
    }

    async fn token(&self, cx: &Context, audience: &Audience) -> Result<IdToken, Error> {
        #[derive(Deserialize)]
        struct Answer {
            token: SecretText,
        }
        let account = self.client.account(cx).await?;
        let mut body = json!({"audience": audience.as_str(), "includeEmail": self.include_email});
        if self.organization_number {
            body["organizationNumberIncluded"] = true.into();
        }
        let (Answer { token }, response) = self
            .client
            .call(cx, &account, "generateIdToken", body)
            .await?;
        IdToken::received(Stage::Iam, token.0.expose(), audience, &response.received).map_err(
            |error| {
                response
                    .blame(error)
                    .with_detail("account", account.as_str())
            },
        )
    }
}

impl ProvideIdToken for IamIdToken {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.token(cx, audience))
    }

    /// The account, at which endpoint and through which delegates, and which claims the token has.
    /// The caller is left out: AWS does not see it.
    fn identity<'a>(&'a self, cx: &'a Context, _: bool) -> future::ProvideIdentity<'a> {
        future::ProvideIdentity::new(async move {
            let account = self.client.account(cx).await?;
            let Some(way) = self.client.way() else {
                return Ok(None);
            };
            let claims = format!("{} {}", self.include_email, self.organization_number);
            let fields = [account.as_str(), &way, &claims];
            Ok(Some(Identity::new("generateIdToken", fields)))
        })
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.client.check(cx)
    }
}
