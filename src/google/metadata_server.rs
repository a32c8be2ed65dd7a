//! The attached service account, through the metadata server
//! ([VM identity](https://cloud.google.com/compute/docs/instances/verifying-instance-identity)).

pub(crate) mod answer;
mod location;
mod patience;

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::platform;
use crate::google::platform::Platform;
use crate::names::{Audience, ServiceAccountEmail};
use crate::server::Server;
use crate::token::{AccessToken, IdToken, Identity, ProvideAccessToken, ProvideIdToken, future};
use crate::transport::{Endpoint, Request, Response};
use location::Location;
use patience::Patience;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

const DEFAULT_ACCOUNT: &str = "default";

/// The metadata server of Compute Engine, GKE, Cloud Run, App Engine and Cloud Functions: it issues
/// ID tokens of the attached service account and requires no IAM permission.
///
/// A [`ProvideIdToken`], and a [`ProvideAccessToken`] for calls of IAM. Requests bypass the proxy,
/// unless an HTTP client of your own has one, and redirects are not followed.
///
/// # Where it works
/// Outside Google's infrastructure nothing is sent, and the error is [`ErrorKind::NotConfigured`]
/// at once, so that a chain of providers goes on. The first of these that applies decides:
/// `NO_GCE_CHECK`; `GCE_METADATA_HOST`; outside Kubernetes `K_SERVICE`, `CLOUD_RUN_JOB`,
/// `CLOUD_RUN_WORKER_POOL`, `GAE_ENV`, `GAE_SERVICE` and `GAE_INSTANCE`; the product name in the
/// machine's firmware. Otherwise 169.254.169.254 (or `GCE_METADATA_IP`) is probed for at most
/// 150 ms.
///
/// The server is asked by its name, or by that address where the name does not resolve. An answer
/// without `Metadata-Flavor: Google` comes from another server, which is
/// [`ErrorKind::Configuration`].
///
/// # Young pods
/// The metadata server of GKE can start later than a pod. In Kubernetes, requests are retried with
/// backoff until 30 s after the first one.
#[derive(Clone, Debug, Default)]
pub struct MetadataServer {
    account: Option<Result<ServiceAccountEmail, BuildError>>,
    endpoint: Option<Result<Location, BuildError>>,
    include_email: bool,
    shared: Arc<Shared>,
}

/// What clones share.
#[derive(Debug, Default)]
struct Shared {
    /// The server that the environment names. The environment of a process does not change, so it
    /// is read and parsed once.
    from_environment: OnceLock<Location>,
    /// The server's name does not resolve, but its address answers.
    by_address: AtomicBool,
    patience: Patience,
}

impl MetadataServer {
    /// The default account of the server that `GCE_METADATA_HOST` names, else of
    /// `metadata.google.internal`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses this attached account, instead of `default`. `build` refuses a text that is not a
    /// service account.
    #[must_use]
    pub fn service_account(mut self, email: impl Into<String>) -> Self {
        let email = email.into();
        self.account = (email != DEFAULT_ACCOUNT).then(|| {
            let parsed = email.parse::<ServiceAccountEmail>();
            parsed.map_err(|error| error.of("MetadataServer::service_account"))
        });
        self
    }

    /// Asks this server, a URI with scheme (plain http is allowed), wherever the program runs. It
    /// takes precedence over `GCE_METADATA_HOST`. `build` refuses a text that is not a URI.
    #[must_use]
    pub fn endpoint(mut self, uri: impl Into<String>) -> Self {
        let server = Endpoint::parse("MetadataServer::endpoint", &uri.into());
        self.endpoint = Some(server.map(Location::configured));
        self
    }

    /// Asks for ID tokens with the account's e-mail address, for trust policies with a condition on
    /// `accounts.google.com:email`. Such tokens (`format=full`) also describe the machine.
    #[must_use]
    pub fn include_email(mut self, include: bool) -> Self {
        self.include_email = include;
        self
    }

    fn account(&self) -> Result<&str, BuildError> {
        match &self.account {
            None => Ok(DEFAULT_ACCOUNT),
            Some(Ok(email)) => Ok(email.as_str()),
            Some(Err(error)) => Err(error.clone()),
        }
    }

    fn location(&self, cx: &Context) -> Result<&Location, BuildError> {
        if let Some(configured) = &self.endpoint {
            return configured.as_ref().map_err(Clone::clone);
        }
        let found = &self.shared.from_environment;
        if let Some(location) = found.get() {
            return Ok(location);
        }
        let location = Location::of(cx.environment())?;
        Ok(found.get_or_init(|| location))
    }

    /// The server that is asked, without asking whether it is there.
    ///
    /// # Errors
    /// When [`endpoint`](Self::endpoint), `GCE_METADATA_HOST` or `GCE_METADATA_IP` is invalid.
    pub fn server(&self, cx: &Context) -> Result<Server, BuildError> {
        let location = self.location(cx)?;
        Ok(Server::of(Stage::Metadata, &location.server))
    }

    fn parsed(&self, cx: &Context) -> Result<(&Location, &str), BuildError> {
        match (self.location(cx), self.account()) {
            (Ok(location), Ok(account)) => Ok((location, account)),
            (Err(location), Err(account)) => Err(location.and(account)),
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }

    /// An error when there is no metadata server to ask.
    async fn must_be_here(&self, cx: &Context, location: &Location) -> Result<(), Error> {
        if self.endpoint.is_some() {
            return Ok(());
        }
        let on_google = platform::require_google(cx, location.address.as_ref()).await;
        on_google.map_err(|why| {
            Error::from_message(Stage::Metadata, ErrorKind::NotConfigured, why).with_hint(
                "outside Google Cloud, use a key file (GOOGLE_APPLICATION_CREDENTIALS or LocalKey) or \
                 another source; if this is Google Cloud, set \
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
        // `build` has checked this already, unless the source is used without a provider.
        let (location, account) = self
            .parsed(cx)
            .map_err(|error| Error::new(Stage::Metadata, ErrorKind::Configuration, error))?;
        self.must_be_here(cx, location).await?;
        let patience = &self.shared.patience;
        patience.begin(cx);
        let mut failed = 0;
        loop {
            let answered = self
                .send(cx, location, |server| {
                    platform::metadata_request(operation, server).path(format!(
                        "/computeMetadata/v1/instance/service-accounts/{account}/{what}"
                    ))
                })
                .await;
            match answered.and_then(|(response, server)| answer::accept(response, account, server))
            {
                Ok(response) => return Ok(response),
                Err(error) => {
                    failed += 1;
                    let waited = patience.wait(cx, failed, error).await;
                    waited.map_err(|error| self.explained(cx, error))?;
                }
            }
        }
    }

    /// Sends the request to the server's name, or to its address where the name does not resolve.
    ///
    /// A name that does not resolve can't be told from other failed connections, so the address is
    /// asked after any of them. It has to answer as a metadata server before it gets the request.
    async fn send<'a>(
        &self,
        cx: &Context,
        location: &'a Location,
        request: impl Fn(&Endpoint) -> Request,
    ) -> Result<(Response, &'a Endpoint), Error> {
        let by_address = &self.shared.by_address;
        if let Some(address) = &location.address
            && by_address.load(Ordering::Relaxed)
        {
            let answered = cx.transport().send(request(address)).await;
            // If it fails, the next attempt starts with the name again.
            by_address.store(answered.is_ok(), Ordering::Relaxed);
            return Ok((answered?, address));
        }
        match cx.transport().send(request(&location.server)).await {
            Ok(response) => Ok((response, &location.server)),
            Err(error) => match &location.address {
                Some(address)
                    if error.is_retryable() && platform::is_metadata_server(cx, address).await =>
                {
                    by_address.store(true, Ordering::Relaxed);
                    let response = cx.transport().send(request(address)).await?;
                    Ok((response, address))
                }
                _ => Err(error),
            },
        }
    }

    /// If the server can't be reached, adds to the error why it was tried.
    fn explained(&self, cx: &Context, error: Error) -> Error {
        let platform = Platform::of(cx);
        match platform {
            Platform::Google(_) if self.endpoint.is_none() && error.is_retryable() => error
                .and_hint(&format!(
                    "{platform}; if that is wrong, set NO_GCE_CHECK=true"
                )),
            _ => error,
        }
    }

    async fn id_token(&self, cx: &Context, audience: &Audience) -> Result<IdToken, Error> {
        let audience_encoded = utf8_percent_encode(audience.as_str(), NON_ALPHANUMERIC);
        let format = if self.include_email {
            "full"
        } else {
            "standard"
        };
        let query = format!("identity?audience={audience_encoded}&format={format}");
        let response = self.get(cx, "identity", &query).await?;
        answer::read_id_token(&response, audience)
    }

    /// The e-mail address of the account.
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

impl MetadataServer {
    /// On one machine, that machine in its present boot: its account can be changed only while it
    /// is stopped. That needs no request. Among several machines, and in Kubernetes, where an
    /// account can be changed under a running pod, the account's e-mail address.
    async fn known_identity(
        &self,
        cx: &Context,
        across_machines: bool,
    ) -> Result<Option<Identity>, Error> {
        let Ok((location, account)) = self.parsed(cx) else {
            return Ok(None);
        };
        let email_included = if self.include_email { "email" } else { "" };
        let machine = cx.environment().machine();
        if !across_machines
            && cx.var("KUBERNETES_SERVICE_HOST").is_none()
            && let Some(machine) = machine
        {
            let server = location.server.origin();
            let fields = [server.as_str(), account, &machine, email_included];
            return Ok(Some(Identity::new("metadata server of a machine", fields)));
        }
        let email = self.email(cx).await?;
        let fields = [email.as_str(), email_included];
        Ok(Some(Identity::new("metadata server", fields)))
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

    fn identity<'a>(
        &'a self,
        cx: &'a Context,
        across_machines: bool,
    ) -> future::ProvideIdentity<'a> {
        future::ProvideIdentity::new(self.known_identity(cx, across_machines))
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.parsed(cx).map(drop)
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
        self.parsed(cx).map(drop)
    }
}
