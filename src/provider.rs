//! The provider: what the AWS SDK asks for credentials.

use crate::aws::session::Session;
use crate::builder::Builder;
use crate::error::{Error, Stage};
use crate::exchange::Exchange;
use crate::lost;
use crate::refresh::{
    Fetch, FetchFuture, Fetched, HoldOff, Lost, Perishable, RefreshPolicy, Refresher,
};
use crate::token::IdToken;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, future};
use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;

/// AWS credentials for a program with a Google identity.
///
/// Gets a Google ID token, has AWS STS exchange it for the credentials of a role, and refreshes
/// them before they expire. Cheap to clone, and the clones share the credentials.
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
    /// Sets up a provider for the role with this ARN.
    pub fn builder(role_arn: impl Into<String>) -> Builder {
        Builder::new(role_arn.into())
    }

    /// Sets up a provider from the environment: `AWS_ROLE_ARN`, `TARGET_AUDIENCE`, and if they are
    /// set `AWS_ROLE_SESSION_NAME` and `AWS_ROLE_DURATION_SECONDS`. A setter wins over its variable.
    pub fn from_env() -> Builder {
        Builder::from_env()
    }

    pub(crate) fn new(exchange: Exchange, policy: RefreshPolicy) -> Self {
        let exchange = Arc::new(exchange);
        let clocks = exchange.cx.clocks().clone();
        Self {
            refresher: Refresher::new(SessionFetch(exchange.clone()), policy, clocks),
            exchange,
        }
    }

    /// The Google half alone: an ID token for the audience, as the source gives it. Each call asks the source; nothing is
    /// cached here.
    ///
    /// # Errors
    /// What the source's hops report; [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) at the deadline of the [`RefreshPolicy`], which on a young pod of GKE
    /// begins anew while its metadata server is waited for; [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) outside of a tokio runtime.
    pub async fn id_token(&self) -> Result<IdToken, Error> {
        patiently(|| self.id_token_in_time()).await
    }

    /// The credentials with their real expiry and the assumed-role ARN: those that are held, or new ones.
    ///
    /// # Errors
    /// When none are held, what the hops report, or reported a moment ago: a second, after a denial a minute, after one that throttles
    /// up to the longest pause of [`RefreshPolicy::backoff`].
    /// [`ErrorKind::NotConfigured`](crate::ErrorKind::NotConfigured) where there is no Google identity, [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) at the deadline of the
    /// [`RefreshPolicy`], [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) outside of a tokio runtime. The SDK gets the same, as a `CredentialsError`.
    pub async fn session(&self) -> Result<Session, Error> {
        self.get(Session::with_real_expiry).await
    }

    /// Refreshes now, whatever is cached: for a caller who knows that the credentials were revoked
    /// or the role was changed. Ignores the pause after a failure (not the second for which a
    /// [`SharedIdToken`](crate::SharedIdToken) hands out its own), and joins only an exchange that
    /// began after the call. What is cached stays in use when it fails.
    ///
    /// The SDK's `IdentityCache::lazy()` doesn't learn of it, and signs with what it holds until the expiry that is written on
    /// that: give clients `IdentityCache::no_cache()`, or make new ones.
    ///
    /// # Errors
    /// As [`session`](Self::session) when nothing is held.
    pub async fn refresh(&self) -> Result<(), Error> {
        patiently(|| self.refresher.refresh()).await
    }

    async fn credentials(&self) -> Result<Credentials, Error> {
        self.get(|session| session.credentials().clone()).await
    }

    async fn get<T>(&self, pick: impl Fn(&Session) -> T) -> Result<T, Error> {
        patiently(|| self.refresher.get(&pick)).await
    }

    async fn id_token_in_time(&self) -> Result<IdToken, Error> {
        let lost = |how| Err(lost::error(Stage::Source, "ID token", how));
        if Handle::try_current().is_err() {
            return lost(Lost::NoRuntime);
        }
        let deadline = self.refresher.deadline();
        tokio::select! {
            biased;
            token = self.exchange.id_token() => token,
            () = self.exchange.cx.clocks().sleep(deadline) => lost(Lost::Deadline(deadline)),
        }
    }
}

/// A source that isn't there yet, as on a young pod, is waited for across exchanges.
async fn patiently<T, Asking>(ask: impl Fn() -> Asking) -> Result<T, Error>
where
    Asking: Future<Output = Result<T, Error>>,
{
    loop {
        match ask().await {
            Err(error) if error.is_not_yet() => {
                tracing::debug!(%error, hint = error.hint(), "waiting for the source of the ID token");
            }
            result => return result,
        }
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
        self.refresher.held(|session| session.credentials().clone())
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
    type Error = Error;

    fn fetch(&self) -> FetchFuture<'_, Self> {
        Box::pin(async {
            let session = self.0.session().await?;
            let lifetime = session
                .expires_at()
                .duration_since(self.0.cx.now())
                .unwrap_or_default();
            Ok(Fetched {
                value: session,
                lifetime,
            })
        })
    }

    fn lost(&self, how: Lost) -> Error {
        lost::error(self.0.stage(), "credentials", how)
    }

    fn hold_off(&self, error: &Error) -> HoldOff {
        lost::hold_off(error)
    }

    /// Those who ask get what is held, and don't learn of it; or the error, of which the SDK keeps little when it was the
    /// deadline's.
    fn failed(&self, error: &Error, left: Duration) {
        let causes = std::iter::successors(error.source(), |&error| error.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        let (causes, seconds_left) = (causes.join(": "), left.as_secs());
        if left.is_zero() {
            tracing::debug!(%error, hint = error.hint(), causes, "no credentials");
        } else {
            tracing::warn!(
                %error,
                hint = error.hint(),
                causes,
                seconds_left,
                "the credentials could not be refreshed; those that are held stay in use, and it is tried again"
            );
        }
    }
}

impl Perishable for Session {
    fn with_expiry(&self, advertised: SystemTime, real: Option<SystemTime>) -> Self {
        self.with_expiries(advertised, real.unwrap_or(self.expires_at()))
    }
}
