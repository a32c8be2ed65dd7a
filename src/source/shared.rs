//! One ID token for several roles.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, Stage};
use crate::lost;
use crate::names::Audience;
use crate::refresh::{
    Fetch, FetchFuture, Fetched, HoldOff, Lost, Perishable, RefreshPolicy, Refresher,
};
use crate::token::{IdToken, ProvideIdToken, future};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// A token is replaced so long before it expires, or in the middle of what life it came with if that
/// is shorter: STS must still have time to look at it.
const MARGIN: Duration = Duration::from_secs(60);

/// One that has expired by this machine's clock, which may be wrong, is shared for a moment too: STS decides.
const LEAST: Duration = Duration::from_secs(1);

/// Lets several providers, of several roles, share the token of one source: for each audience one
/// token, fetched by one exchange at a time, for as long as it lives. An error is shared for a second.
///
/// The first provider that asks for an audience lends what the fetches of its token use: clocks, HTTP client, environment
/// and deadline.
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
    /// A program has few audiences, and they are its own.
    tokens: Mutex<HashMap<Audience, Refresher<TokenFetch>>>,
}

impl SharedIdToken {
    /// Shares the tokens of `source`. The clones of it share them too.
    pub fn new(source: impl ProvideIdToken + 'static) -> Self {
        Self(Arc::new(Inner {
            source: Arc::new(source),
            tokens: Mutex::default(),
        }))
    }

    /// The first provider that asks for an audience lends its clock and its transport.
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
                // Whoever asks needs it now: there is nothing to do in the background.
                let policy = RefreshPolicy::new()
                    .window(Duration::ZERO)
                    .jitter(0.0)
                    .deadline(cx.deadline());
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
    type Error = Error;

    fn fetch(&self) -> FetchFuture<'_, Self> {
        Box::pin(async {
            let token = self
                .source
                .provide_id_token(&self.cx, &self.audience)
                .await?;
            let left = token
                .expires_at()
                .duration_since(self.cx.now())
                .unwrap_or_default();
            Ok(Fetched {
                value: token,
                lifetime: left.saturating_sub(MARGIN.min(left / 2)).max(LEAST),
            })
        })
    }

    fn lost(&self, how: Lost) -> Error {
        lost::error(Stage::Source, "ID token", how)
    }

    /// A second is enough to be shared by those who ask together. The longer pauses are the providers' own, and theirs
    /// to ignore in a refresh.
    fn hold_off(&self, error: &Error) -> HoldOff {
        match lost::hold_off(error) {
            HoldOff::Minute | HoldOff::Backoff => HoldOff::Short,
            shorter => shorter,
        }
    }
}

impl Perishable for IdToken {
    /// A token says itself when it expires.
    fn with_expiry(&self, _: SystemTime, _: Option<SystemTime>) -> Self {
        self.clone()
    }
}
