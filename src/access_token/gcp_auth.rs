//! Access tokens from the crate `gcp_auth`.

use super::{AccessToken, ProvideAccessToken};
use crate::platform::is_googles;
use crate::{Context, Error, ErrorKind, Stage, future};
use gcp_auth::{
    ConfigDefaultCredentials, CustomServiceAccount, GCloudAuthorizedUser, TokenProvider,
};
use std::fmt;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, oneshot};

/// Access tokens from [`gcp_auth`]: `gcloud`'s user, or whatever provider you hand in.
///
/// Callers that need a token at the same time cause one fetch, on a thread for blocking work: some of `gcp_auth`'s
/// providers run programs and read files. It has an HTTP client, a retry policy and logs of its own; the
/// deadline of the exchange ends it.
#[derive(Clone, Default)]
pub struct GcpAuth {
    provider: Arc<Mutex<Option<Arc<dyn TokenProvider>>>>,
    only_gcloud: bool,
}

impl GcpAuth {
    /// Takes a provider that you made. [`GcpAuth::default`] looks for one at the first use, in the order of
    /// [`gcp_auth::provider`]: the key file that `GOOGLE_APPLICATION_CREDENTIALS` names, gcloud's application
    /// default credentials, on Google's infrastructure the metadata server, and gcloud's user.
    pub fn new(provider: Arc<dyn TokenProvider>) -> Self {
        Self {
            provider: Arc::new(Mutex::new(Some(provider))),
            only_gcloud: false,
        }
    }

    /// The account that is active in the `gcloud` on the `PATH`, which `gcloud auth login` signed in: a person at
    /// a laptop, as the caller of [`IamIdToken`](crate::IamIdToken) or [`IamSignJwt`](crate::IamSignJwt).
    pub fn gcloud() -> Self {
        Self {
            only_gcloud: true,
            ..Self::default()
        }
    }

    async fn token(&self, cx: &Context, scope: &str) -> Result<AccessToken, Error> {
        // Held across the fetch: gcp_auth itself makes one fetch for each caller that waits.
        let mut slot = self.provider.clone().lock_owned().await;
        let only_gcloud = self.only_gcloud;
        let asks_metadata = !only_gcloud && slot.is_none() && is_googles(cx).await.is_ok();
        let scope = scope.to_owned();
        let runtime = Handle::try_current().map_err(|error| {
            Error::new(Stage::Source, ErrorKind::Configuration, error)
                .with_hint("gcp_auth needs a tokio runtime")
        })?;
        // Dropped with this future, it ends the fetch: one that hangs would keep the slot for ever.
        let (_wanted, unwanted) = oneshot::channel::<()>();
        let fetch = async move {
            let provider = match &*slot {
                Some(provider) => provider.clone(),
                None if only_gcloud => slot.insert(gcloud().await?).clone(),
                None => slot.insert(find(asks_metadata).await?).clone(),
            };
            let token = provider.token(&[&scope]).await.map_err(|error| {
                Error::new(Stage::Source, ErrorKind::Unavailable, error).with_hint(
                    "gcp_auth could not get a Google access token; it logs more as a warning",
                )
            })?;
            Ok(AccessToken::new(token.as_str(), token.expires_at().into()))
        };
        let fetch = async {
            tokio::select! {
                token = fetch => Some(token),
                _ = unwanted => None,
            }
        };
        let lost = |what: &str| Err(Error::message(Stage::Source, ErrorKind::Unavailable, what));
        match tokio::task::spawn_blocking(move || runtime.block_on(fetch)).await {
            Ok(Some(token)) => token,
            Ok(None) => lost("nobody waits for the access token any more"),
            Err(error) if error.is_panic() => lost("gcp_auth panicked"),
            Err(_) => lost("the runtime ended while gcp_auth was asked"),
        }
    }
}

/// As [`gcp_auth::provider`] does, but the metadata server only where there is one: elsewhere the look-up of its
/// name can hang.
async fn find(asks_metadata: bool) -> Result<Arc<dyn TokenProvider>, Error> {
    let nothing = |error: gcp_auth::Error| {
        Error::new(Stage::Source, ErrorKind::NotConfigured, error).with_hint(
            "gcp_auth found no Google credentials: run `gcloud auth login` or `gcloud auth \
             application-default login`, set GOOGLE_APPLICATION_CREDENTIALS, or run on Google Cloud",
        )
    };
    // It is named: that it can't be used is no reason to go on without it.
    let unusable = |error: gcp_auth::Error| {
        Error::new(Stage::Source, ErrorKind::Configuration, error)
            .with_hint("the key file that GOOGLE_APPLICATION_CREDENTIALS names can't be used")
    };
    if let Some(key) = CustomServiceAccount::from_env().map_err(unusable)? {
        return Ok(Arc::new(key));
    }
    if asks_metadata {
        return gcp_auth::provider().await.map_err(nothing);
    }
    match ConfigDefaultCredentials::new().await {
        Ok(user) => Ok(Arc::new(user)),
        Err(error) => {
            tracing::debug!(%error, "no application default credentials of gcloud's");
            gcloud().await
        }
    }
}

async fn gcloud() -> Result<Arc<dyn TokenProvider>, Error> {
    match GCloudAuthorizedUser::new().await {
        Ok(user) => Ok(Arc::new(user)),
        Err(error) => Err(
            Error::new(Stage::Source, ErrorKind::NotConfigured, error).with_hint(
                "`gcloud auth print-access-token` gave no token: is gcloud installed and on the PATH, and did \
                 `gcloud auth login` sign somebody in?",
            ),
        ),
    }
}

impl ProvideAccessToken for GcpAuth {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(self.token(cx, scope))
    }
}

impl fmt::Debug for GcpAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.only_gcloud {
            true => "GcpAuth(gcloud)",
            false => "GcpAuth",
        })
    }
}
