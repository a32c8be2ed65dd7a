//! Signing by Google, with a key that never leaves Google.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::Error;
use crate::google::iam::IamClient;
use crate::google::metadata_server::MetadataServer;
use crate::redact::SecretText;
use crate::token::{Assertion, ProvideAccessToken, SignJwt, SignedJwt, future};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Has Google sign as a service account, with a Google-managed key
/// ([signJwt](https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signJwt)).
///
/// The caller, whose access token is used, needs `roles/iam.serviceAccountTokenCreator` on the
/// account, also when it is that account itself.
#[derive(Clone, Debug)]
pub struct IamSignJwt {
    client: IamClient,
}

impl IamSignJwt {
    /// Signs as the account with this e-mail, calling IAM with the access tokens of `access`.
    pub fn new(email: impl AsRef<str>, access: impl ProvideAccessToken + 'static) -> Self {
        let account = email.as_ref().parse();
        let account = account.map_err(|error: BuildError| error.of("IamSignJwt::new"));
        Self {
            client: IamClient::new(account, Arc::new(access)),
        }
    }

    /// Signs as the attached account, whose e-mail and access token come from the metadata server.
    pub fn attached(metadata: MetadataServer) -> Self {
        Self {
            client: IamClient::attached(metadata),
        }
    }

    /// Sets the chain of accounts between the caller and the one that signs, bare e-mails or
    /// `projects/-/serviceAccounts/…`. Each needs `roles/iam.serviceAccountTokenCreator` on the
    /// next.
    #[must_use]
    pub fn delegates(mut self, delegates: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.client.set_delegates(delegates);
        self
    }

    /// Replaces the origin `https://iamcredentials.googleapis.com`: https, or http on loopback.
    #[must_use]
    pub fn endpoint(mut self, uri: impl Into<String>) -> Self {
        self.client.set_endpoint(uri);
        self
    }

    async fn sign(&self, cx: &Context, assertion: &Assertion) -> Result<SignedJwt, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            signed_jwt: SecretText,
        }
        let body = json!({"payload": assertion.claims_json()});
        let (Answer { signed_jwt }, _) = self
            .client
            .call(cx, assertion.issuer(), "signJwt", body)
            .await?;
        Ok(SignedJwt::of(signed_jwt.0))
    }
}

impl SignJwt for IamSignJwt {
    fn issuer<'a>(&'a self, cx: &'a Context) -> future::Issuer<'a> {
        self.client.account(cx)
    }

    fn sign_jwt<'a>(&'a self, cx: &'a Context, assertion: &'a Assertion) -> future::SignJwt<'a> {
        future::SignJwt::new(self.sign(cx, assertion))
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.client.check(cx)
    }
}
