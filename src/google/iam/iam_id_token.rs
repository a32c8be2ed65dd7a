//! An ID token of another account, made by Google's IAM.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::iam::Impersonation;
use crate::names::{Audience, ServiceAccountEmail};
use crate::redact::SecretText;
use crate::token::{IdToken, ProvideAccessToken, ProvideIdToken, future};
use serde::Deserialize;
use serde_json::Map;
use std::sync::Arc;

/// Impersonates a service account: IAM makes the ID token
/// ([generateIdToken](https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateIdToken)).
///
/// The caller, whose access token is used, needs `iam.serviceAccounts.getOpenIdToken` on the
/// account, which `roles/iam.serviceAccountOpenIdTokenCreator` holds.
#[derive(Clone, Debug)]
pub struct IamIdToken {
    account: Result<ServiceAccountEmail, BuildError>,
    access: Arc<dyn ProvideAccessToken>,
    include_email: bool,
    organization_number: bool,
    impersonation: Impersonation,
}

impl IamIdToken {
    /// A token of the account with this e-mail, calling IAM with the access tokens of `access`.
    pub fn new(email: impl AsRef<str>, access: impl ProvideAccessToken + 'static) -> Self {
        Self {
            account: email.as_ref().parse(),
            access: Arc::new(access),
            include_email: false,
            organization_number: false,
            impersonation: Impersonation::default(),
        }
    }

    /// The chain of accounts between the caller and the one impersonated, bare e-mails or
    /// `projects/-/serviceAccounts/…`: each needs `roles/iam.serviceAccountTokenCreator` on the next.
    #[must_use]
    pub fn delegates(mut self, delegates: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.impersonation.delegates(delegates);
        self
    }

    /// Whether the token holds the account's e-mail; by default it doesn't.
    #[must_use]
    pub fn include_email(mut self, include: bool) -> Self {
        self.include_email = include;
        self
    }

    /// Whether the token holds the number of the account's organization, which a trust policy can
    /// test as `accounts.google.com:google/organization_number`; by default it doesn't.
    #[must_use]
    pub fn organization_number(mut self, include: bool) -> Self {
        self.organization_number = include;
        self
    }

    /// Another origin than `https://iamcredentials.googleapis.com`: https, or http on loopback.
    #[must_use]
    pub fn endpoint(mut self, uri: impl Into<String>) -> Self {
        self.impersonation.endpoint(uri);
        self
    }

    async fn token(&self, cx: &Context, audience: &Audience) -> Result<IdToken, Error> {
        #[derive(Deserialize)]
        struct Answer {
            token: SecretText,
        }
        let account = self
            .account
            .as_ref()
            .map_err(|error| Error::new(Stage::Iam, ErrorKind::Configuration, error.clone()))?;
        let mut body = Map::new();
        body.insert("audience".to_owned(), audience.as_str().into());
        body.insert("includeEmail".to_owned(), self.include_email.into());
        if self.organization_number {
            body.insert("organizationNumberIncluded".to_owned(), true.into());
        }
        let (Answer { token }, response) = self
            .impersonation
            .call(cx, &*self.access, account, "generateIdToken", body)
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

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let mut problems = crate::build_error::Problems::default();
        if let Err(error) = &self.account {
            problems.add(error.clone().of("IamIdToken::new"));
        }
        problems.take(self.access.check(cx));
        problems.take(self.impersonation.check());
        problems.finish()
    }
}
