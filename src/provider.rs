//! The provider: what the AWS SDK asks for credentials.

use crate::aws::session::Session;
use crate::error::{Error, Stage};
use crate::exchange::Exchange;
use crate::refresh::{
    Calendar, Deadline, Expiring, Fetch, FetchFailure, FetchFuture, Need, RefreshPolicy, Refresher,
};
use crate::server::Server;
use crate::token::IdToken;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, future};
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::runtime::Handle;

/// AWS credentials for a program with a Google identity.
///
/// Gets a Google ID token, exchanges it at AWS STS for the credentials of a role, and refreshes
/// them before they expire. Cheap to clone; the clones share the credentials.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_config::BehaviorVersion;
/// use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer};
///
/// let provider = GoogleWebIdentityProvider::builder("arn:aws:iam::123456789012:role/demo")
///     .audience("https://myservice.example.com")
///     .token_source(MetadataServer::new())
///     .build().await?;
/// let config = aws_config::defaults(BehaviorVersion::latest()).credentials_provider(provider).load().await;
/// let s3 = aws_sdk_s3::Client::new(&config);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct GoogleWebIdentityProvider {
    exchange: Arc<Exchange>,
    refresher: Refresher<SessionFetch>,
}

impl GoogleWebIdentityProvider {
    pub(crate) fn new(exchange: Exchange, policy: RefreshPolicy) -> Self {
        let exchange = Arc::new(exchange);
        let clocks = exchange.cx.clocks().clone();
        let is_pod = exchange.cx.var("KUBERNETES_SERVICE_HOST").is_some();
        let policy = policy.in_pod(is_pod);
        Self {
            refresher: Refresher::new(SessionFetch(exchange.clone()), policy, clocks),
            exchange,
        }
    }

    /// The Google half alone: an ID token for the audience, as the source returns it.
    ///
    /// Each call asks the source; nothing is cached here.
    ///
    /// # Errors
    /// What the source's stages report. [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) at
    /// [`RefreshPolicy::deadline`]. [`ErrorKind::Configuration`](crate::ErrorKind::Configuration)
    /// outside a tokio runtime.
    pub async fn id_token(&self) -> Result<IdToken, Error> {
        const WHAT: &str = "ID token";
        if Handle::try_current().is_err() {
            return Err(FetchFailure::NoRuntime.error(Stage::Source, WHAT));
        }
        let deadline = self.refresher.deadline(WHAT);
        deadline
            .guard(Stage::Source, self.exchange.id_token())
            .await
    }

    /// The credentials with their real expiry, and the assumed role's ARN: cached, or fetched now.
    ///
    /// # Errors
    /// When no valid credentials are cached: what the stages report now, or reported a moment ago
    /// (see [`RefreshPolicy::backoff`] for how long an error is cached).
    /// [`ErrorKind::NotConfigured`](crate::ErrorKind::NotConfigured) where there is no Google
    /// identity. [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) at [`RefreshPolicy::deadline`].
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) outside a tokio runtime. The
    /// SDK gets the same as a `CredentialsError`.
    pub async fn session(&self) -> Result<Session, Error> {
        self.pick(Session::with_real_expiry).await
    }

    /// Refreshes now, whatever is cached: for a caller who knows that the credentials were revoked
    /// or the role was changed.
    ///
    /// It ignores the backoff after a failure, but not the second for which a
    /// [`SharedIdToken`](crate::SharedIdToken) caches its own error. It joins only an exchange that
    /// began after the call. When it fails, the cached credentials stay in use.
    ///
    /// The SDK's `IdentityCache::lazy()` does not notice: it signs with the credentials it has
    /// until the expiry written on them. Give clients `IdentityCache::no_cache()`, or make new
    /// ones.
    ///
    /// # Errors
    /// Those of [`session`](Self::session) when nothing is cached.
    pub async fn refresh(&self) -> Result<(), Error> {
        self.refresher.refresh().await
    }

    /// The server that STS is called at, by the SDK's rules for Region, endpoint, FIPS and
    /// dual-stack. It sends nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when the rules lead to none.
    pub async fn sts_server(&self) -> Result<Server, Error> {
        self.exchange.sts.server(&self.exchange.cx).await
    }

    /// Calls `GetCallerIdentity` with the credentials of [`session`](Self::session): AWS accepts
    /// them, and says whose they are. Returns the ARN of the assumed role.
    ///
    /// No permission is needed for it, and no policy can deny it
    /// ([reference](https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html)).
    ///
    /// # Errors
    /// Those of [`session`](Self::session), and those of the call. Servers other than AWS may not
    /// have it; AWS's own code for that is `InvalidAction`.
    pub async fn caller_identity(&self) -> Result<String, Error> {
        let session = self.session().await?;
        let call = self
            .exchange
            .sts
            .caller_identity(&self.exchange.cx, session.credentials());
        let deadline = self.refresher.deadline("answer to GetCallerIdentity");
        deadline.guard(Stage::Sts, call).await
    }

    /// What `pick` takes of the session: of the cached one, or of one that is fetched now.
    pub(crate) async fn pick<T>(&self, pick: impl Fn(&Session) -> T) -> Result<T, Error> {
        self.refresher.get(pick).await
    }

    /// [`pick`](Self::pick) in two parts: `hit(session)` if a session is available without waiting,
    /// else `miss()`.
    #[cfg(feature = "object_store_0_14")]
    pub(crate) fn cached_or<T>(
        &self,
        hit: impl FnOnce(&Session) -> T,
        miss: impl FnOnce() -> T,
    ) -> T {
        self.refresher.cached_or(hit, miss)
    }

    /// Whether this is the only handle.
    pub(crate) fn is_only_handle(&self) -> bool {
        self.refresher.is_only_handle()
    }

    /// When the session expires that is cached and valid, if there is one.
    pub(crate) fn expires_at(&self) -> Option<SystemTime> {
        self.refresher.current(Session::expires_at)
    }

    async fn credentials(&self) -> Result<Credentials, Error> {
        self.pick(|session| session.credentials().clone()).await
    }
}

impl ProvideCredentials for GoogleWebIdentityProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.refresher.cached_or(
            |session| future::ProvideCredentials::ready(Ok(session.credentials().clone())),
            || future::ProvideCredentials::new(async { Ok(self.credentials().await?) }),
        )
    }

    fn fallback_on_interrupt(&self) -> Option<Credentials> {
        self.refresher
            .current(|session| session.credentials().clone())
    }
}

impl fmt::Debug for GoogleWebIdentityProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GoogleWebIdentityProvider")
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}

/// The exchange as the refresher sees it.
struct SessionFetch(Arc<Exchange>);

impl Fetch for SessionFetch {
    type Value = Session;

    const WHAT: &'static str = "credentials";
    const ISSUED_AT: Stage = Stage::Sts;

    fn fetch(&self, deadline: Deadline, need: Need) -> FetchFuture<'_, Session> {
        Box::pin(async move { self.0.fetch(&deadline, need).await })
    }

    fn calendar(&self) -> Option<&Calendar> {
        self.0.calendar.as_deref()
    }
}

impl Expiring for Session {
    fn with_expiry(&self, advertised: SystemTime, real: Option<SystemTime>) -> Self {
        self.with_expiries(advertised, real.unwrap_or(self.expires_at()))
    }
}
