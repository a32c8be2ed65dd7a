//! One ID token for several roles.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::Stage;
use crate::names::Audience;
use crate::refresh::{
    Deadline, Expiring, Fetch, FetchFuture, Fetched, Need, RefreshPolicy, Refresher,
};
use crate::token::{IdToken, ProvideIdToken, future};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A token is replaced this long before it expires, or halfway through its remaining lifetime if
/// that is shorter: STS must still accept it.
const MARGIN: Duration = Duration::from_secs(60);

/// A token that has expired by this machine's clock is shared this long: the clock may be wrong,
/// and STS decides.
const MIN_SHARED: Duration = Duration::from_secs(1);

/// Lets several providers, for several roles, share one source's ID tokens.
///
/// There is one token for each audience. It is fetched once, by one caller for all, and used until
/// shortly before it expires. An error is shared for one second.
///
/// The first provider that asks for an audience lends its clocks, HTTP client, environment and
/// deadline to the fetches of that audience's token.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer, SharedIdToken};
///
/// let identity = SharedIdToken::new(MetadataServer::new());
/// for role in ["arn:aws:iam::123456789012:role/reader", "arn:aws:iam::123456789012:role/writer"] {
///     let provider = GoogleWebIdentityProvider::builder(role)
///         .audience("https://myservice.example.com")
///         .token_source(identity.clone())
///         .build()
///         .await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SharedIdToken(Arc<Inner>);

struct Inner {
    source: Arc<dyn ProvideIdToken>,
    /// Never cleared: a program has few audiences, and chooses them itself.
    tokens: Mutex<HashMap<Audience, Refresher<TokenFetch>>>,
}

impl SharedIdToken {
    /// Shares the tokens of `source`. Clones share them too.
    pub fn new(source: impl ProvideIdToken + 'static) -> Self {
        Self(Arc::new(Inner {
            source: Arc::new(source),
            tokens: Mutex::default(),
        }))
    }

    /// The refresher for the audience, made with the context of the first provider that asks.
    fn refresher(&self, cx: &Context, audience: &Audience) -> Refresher<TokenFetch> {
        let mut tokens = self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens
            .entry(audience.clone())
            .or_insert_with(|| {
                let fetch = TokenFetch {
                    cx: cx.clone(),
                    source: self.0.source.clone(),
                    audience: audience.clone(),
                };
                // Each caller needs the token at once, so there is no window in which to refresh it
                // in the background. The providers above cache errors for longer as they need to.
                let policy = RefreshPolicy::new()
                    .window(Duration::ZERO)
                    .jitter(0.0)
                    .deadline(cx.deadline())
                    .in_pod(cx.var("KUBERNETES_SERVICE_HOST").is_some())
                    .cache_errors_briefly();
                Refresher::new(fetch, policy, cx.clocks().clone())
            })
            .clone()
    }
}

impl ProvideIdToken for SharedIdToken {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        let refresher = self.refresher(cx, audience);
        future::ProvideIdToken::new(async move { refresher.get(IdToken::clone).await })
    }

    fn reject(&self, token: &IdToken) {
        let tokens = self.0.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        for refresher in tokens.values() {
            refresher.forget(|held| held.expose() == token.expose());
        }
        drop(tokens);
        self.0.source.reject(token);
    }

    fn identity<'a>(
        &'a self,
        cx: &'a Context,
        across_machines: bool,
    ) -> future::ProvideIdentity<'a> {
        self.0.source.identity(cx, across_machines)
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.0.source.check(cx)
    }
}

impl fmt::Debug for SharedIdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedIdToken")
            .field(&self.0.source)
            .finish()
    }
}

struct TokenFetch {
    cx: Context,
    source: Arc<dyn ProvideIdToken>,
    audience: Audience,
}

impl Fetch for TokenFetch {
    type Value = IdToken;

    const WHAT: &'static str = "ID token";
    const ISSUED_AT: Stage = Stage::Source;

    fn fetch(&self, deadline: Deadline, _: Need) -> FetchFuture<'_, IdToken> {
        Box::pin(async move {
            let token = async { self.source.provide_id_token(&self.cx, &self.audience).await };
            let token = deadline.guard(Stage::Source, token).await?;
            let left = token
                .expires_at()
                .duration_since(self.cx.now())
                .unwrap_or_default();
            Ok(Fetched {
                value: token,
                lifetime: left.saturating_sub(MARGIN.min(left / 2)).max(MIN_SHARED),
                age: Duration::ZERO,
            })
        })
    }
}

impl Expiring for IdToken {
    /// The token itself says when it expires.
    fn with_expiry(&self, _: SystemTime, _: Option<SystemTime>) -> Self {
        self.clone()
    }
}
