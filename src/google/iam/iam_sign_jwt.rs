//! Signing by Google, with a key that never leaves it.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::iam::Impersonation;
use crate::google::metadata_server::MetadataServer;
use crate::names::ServiceAccountEmail;
use crate::redact::SecretText;
use crate::token::{Assertion, ProvideAccessToken, SignJwt, SignedJwt, future};
use serde::Deserialize;
use serde_json::Map;
use std::sync::Arc;

/// Has Google sign as a service account, with a Google-managed key
/// ([signJwt](https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signJwt)).
///
/// The caller, whose access token is used, needs `roles/iam.serviceAccountTokenCreator` on the
/// account, also when it is that account itself.
#[derive(Clone, Debug)]
pub struct IamSignJwt {
    account: Account,
    access: Arc<dyn ProvideAccessToken>,
    impersonation: Impersonation,
}

#[derive(Clone, Debug)]
enum Account {
    Named(Result<ServiceAccountEmail, BuildError>),
    Attached(MetadataServer),
}

impl IamSignJwt {
    /// Signs as the account with this e-mail, calling IAM with the access tokens of `access`.
    pub fn new(email: impl AsRef<str>, access: impl ProvideAccessToken + 'static) -> Self {
        Self {
            account: Account::Named(email.as_ref().parse()),
            access: Arc::new(access),
            impersonation: Impersonation::default(),
        }
    }

    /// The attached account signs for itself: its e-mail and its access token come from the
    /// metadata server.
    pub fn attached(metadata: MetadataServer) -> Self {
        Self {
            account: Account::Attached(metadata.clone()),
            access: Arc::new(metadata),
            impersonation: Impersonation::default(),
        }
    }

    /// The chain of accounts between the caller and the one that signs, bare e-mails or
    /// `projects/-/serviceAccounts/…`: each needs `roles/iam.serviceAccountTokenCreator` on the next.
    #[must_use]
    pub fn delegates(mut self, delegates: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.impersonation.delegates(delegates);
        self
    }

    /// Another origin than `https://iamcredentials.googleapis.com`: https, or http on loopback.
    #[must_use]
    pub fn endpoint(mut self, uri: impl Into<String>) -> Self {
        self.impersonation.endpoint(uri);
        self
    }

    async fn sign(&self, cx: &Context, assertion: &Assertion) -> Result<SignedJwt, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            signed_jwt: SecretText,
        }
        let mut body = Map::new();
        body.insert("payload".to_owned(), assertion.claims_json().into());
        let (Answer { signed_jwt }, _) = self
            .impersonation
            .call(cx, &*self.access, assertion.issuer(), "signJwt", body)
            .await?;
        Ok(SignedJwt::of(signed_jwt.0))
    }
}

impl SignJwt for IamSignJwt {
    fn issuer<'a>(&'a self, cx: &'a Context) -> future::Issuer<'a> {
        match &self.account {
            Account::Named(Ok(email)) => future::Issuer::ready(Ok(email.clone())),
            Account::Named(Err(error)) => {
                let error = Error::new(Stage::Sign, ErrorKind::Configuration, error.clone());
                future::Issuer::ready(Err(error))
            }
            Account::Attached(metadata) => future::Issuer::new(metadata.email(cx)),
        }
    }

    fn sign_jwt<'a>(&'a self, cx: &'a Context, assertion: &'a Assertion) -> future::SignJwt<'a> {
        future::SignJwt::new(self.sign(cx, assertion))
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let mut problems = crate::build_error::Problems::default();
        if let Account::Named(Err(error)) = &self.account {
            problems.add(error.clone().of("IamSignJwt::new"));
        }
        problems.take(self.access.check(cx));
        problems.take(self.impersonation.check());
        problems.finish()
    }
}
