//! The attached service account, through the metadata server
//! ([VM identity](https://cloud.google.com/compute/docs/instances/verifying-instance-identity)).

pub(crate) mod answer;
mod patience;

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::platform;
use crate::google::platform::Platform;
use crate::names::{Audience, ServiceAccountEmail};
use crate::redact::shown;
use crate::token::{AccessToken, IdToken, ProvideAccessToken, ProvideIdToken, future};
use crate::transport::{Endpoint, Request, Response};
use patience::Patience;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const DEFAULT_ENDPOINT: &str = "http://metadata.google.internal";
const FLAVOR: &str = "Google";

/// The metadata server of Compute Engine, GKE, Cloud Run, App Engine and Cloud Functions: it hands
/// out ID tokens of the attached service account, without any IAM permission.
///
/// A [`ProvideIdToken`], and a [`ProvideAccessToken`] for calling IAM. It is never asked through a
/// proxy, unless an HTTP client of your own has one, and redirects aren't followed.
///
/// Elsewhere than on Google's infrastructure nothing is asked, and the error is
/// [`ErrorKind::NotConfigured`] at once, so that a chain of providers goes on. Where this runs is told by
/// `NO_GCE_CHECK`, `GCE_METADATA_HOST`, outside of Kubernetes `K_SERVICE`, `CLOUD_RUN_JOB`, `CLOUD_RUN_WORKER_POOL`, `GAE_ENV`, `GAE_SERVICE` and
/// `GAE_INSTANCE`, and the firmware's name of the machine; where none tells, by a look at 169.254.169.254 (or `GCE_METADATA_IP`) of at most 150 ms.
///
/// In a pod of GKE, whose metadata server can be some seconds late, it is waited for: 30 s in all.
#[derive(Clone, Debug, Default)]
pub struct MetadataServer {
    account: Option<String>,
    endpoint: Option<String>,
    patience: Patience,
}

impl MetadataServer {
    /// The default account of the server named by `GCE_METADATA_HOST`, else of
    /// `metadata.google.internal`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another of the attached accounts than `default`.
    #[must_use]
    pub fn service_account(mut self, email: impl Into<String>) -> Self {
        self.account = Some(email.into());
        self
    }

    /// Another server, as a URI with scheme, plain http too; it wins over `GCE_METADATA_HOST`, and is asked wherever the
    /// program runs. `build` refuses what is no URI.
    #[must_use]
    pub fn endpoint(mut self, uri: impl Into<String>) -> Self {
        self.endpoint = Some(uri.into());
        self
    }

    fn resolve(&self, cx: &Context) -> Result<(Endpoint, String), BuildError> {
        let endpoint = match (&self.endpoint, cx.var("GCE_METADATA_HOST")) {
            (Some(uri), _) => Endpoint::parse("MetadataServer::endpoint", uri)?,
            (None, Some(host)) => {
                if host.contains('/') {
                    return Err(BuildError::new(
                        "GCE_METADATA_HOST",
                        format!(
                            "{} has a scheme or a path; host or host:port is expected",
                            shown(&host)
                        ),
                    ));
                }
                Endpoint::parse("GCE_METADATA_HOST", &format!("http://{host}"))?
            }
            (None, None) => Endpoint::parse("metadata server", DEFAULT_ENDPOINT)?,
        };
        let account = match self.account.as_deref() {
            None | Some("default") => "default".to_owned(),
            Some(email) => email
                .parse::<ServiceAccountEmail>()
                .map_err(|error| error.of("MetadataServer::service_account"))?
                .to_string(),
        };
        Ok((endpoint, account))
    }

    /// An error when there is no metadata server to ask.
    async fn must_be_here(&self, cx: &Context) -> Result<(), Error> {
        if self.endpoint.is_some() {
            return Ok(());
        }
        platform::is_googles(cx).await.map_err(|why| {
            Error::from_message(Stage::Metadata, ErrorKind::NotConfigured, why).with_hint(
                "elsewhere than on Google Cloud use a key file, by GOOGLE_APPLICATION_CREDENTIALS or LocalKey, \
                 or another source; if this is Google Cloud after all, set \
                 GCE_METADATA_HOST=metadata.google.internal",
            )
        })
    }

    async fn get(
        &self,
        cx: &Context,
        operation: &'static str,
        what: &str,
    ) -> Result<Response, Error> {
        self.must_be_here(cx).await?;
        let began = cx.clocks().elapsed();
        loop {
            match self.get_once(cx, operation, what).await {
                Ok(response) => {
                    self.patience.met();
                    return Ok(response);
                }
                Err(error) => {
                    let waited = self.patience.wait(cx, began, error).await;
                    waited.map_err(|error| self.explained(cx, error))?;
                }
            }
        }
    }

    /// Of a server that can't be reached, why it is asked at all.
    fn explained(&self, cx: &Context, error: Error) -> Error {
        let platform = Platform::of(cx.environment());
        match platform {
            Platform::Google(_) if self.endpoint.is_none() && error.is_retryable() => error
                .and_hint(&format!(
                    "{platform}; if that is not so, NO_GCE_CHECK=true says it"
                )),
            _ => error,
        }
    }

    async fn get_once(
        &self,
        cx: &Context,
        operation: &'static str,
        what: &str,
    ) -> Result<Response, Error> {
        let (endpoint, account) = self
            .resolve(cx)
            .map_err(|error| Error::new(Stage::Metadata, ErrorKind::Configuration, error))?;
        let request = Request::get(Stage::Metadata, operation, &endpoint)
            .path(format!(
                "/computeMetadata/v1/instance/service-accounts/{account}/{what}"
            ))
            .header("metadata-flavor", FLAVOR)
            .direct();
        let response = cx.transport().send(request).await?;
        answer::accept(response, &account, &endpoint)
    }

    async fn id_token(&self, cx: &Context, audience: &Audience) -> Result<IdToken, Error> {
        let audience_encoded = utf8_percent_encode(audience.as_str(), NON_ALPHANUMERIC);
        let query = format!("identity?audience={audience_encoded}&format=standard");
        let response = self.get(cx, "identity", &query).await?;
        answer::read_id_token(&response, audience)
    }

    /// The e-mail of the account.
    pub(crate) async fn email(&self, cx: &Context) -> Result<ServiceAccountEmail, Error> {
        let response = self.get(cx, "email", "email").await?;
        answer::read_email(&response)
    }

    async fn access_token(&self, cx: &Context, scope: &str) -> Result<AccessToken, Error> {
        let query = format!(
            "token?scopes={}",
            utf8_percent_encode(scope, NON_ALPHANUMERIC)
        );
        let response = self.get(cx, "token", &query).await?;
        answer::read_access_token(&response)
    }
}

impl ProvideIdToken for MetadataServer {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.id_token(cx, audience))
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.resolve(cx).map(drop)
    }
}

impl ProvideAccessToken for MetadataServer {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(self.access_token(cx, scope))
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.resolve(cx).map(drop)
    }
}
