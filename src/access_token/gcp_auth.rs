//! Access tokens from the crate `gcp_auth`.

use super::{AccessToken, ProvideAccessToken};
use crate::{Context, Error, ErrorKind, Stage, future};
use gcp_auth::TokenProvider;
use std::fmt;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

/// Access tokens from [`gcp_auth`]: `gcloud`'s user, or whatever provider you hand in.
///
/// Callers that need a token at the same time cause one fetch. `gcp_auth` has an HTTP client, a
/// retry policy and logs of its own; the deadline of the exchange ends it.
#[derive(Clone, Default)]
pub struct GcpAuth {
    provider: Arc<Mutex<Option<Arc<dyn TokenProvider>>>>,
}

impl GcpAuth {
    /// Takes a provider that you made. [`GcpAuth::default`] looks for one at the first use, with
    /// [`gcp_auth::provider`].
    pub fn new(provider: Arc<dyn TokenProvider>) -> Self {
        Self {
            provider: Arc::new(Mutex::new(Some(provider))),
        }
    }

    async fn token(&self, scope: &str) -> Result<AccessToken, Error> {
        // Held across the fetch: gcp_auth itself makes one fetch for each caller that waits.
        let mut slot = self.provider.lock().await;
        let provider = match &*slot {
            Some(provider) => provider.clone(),
            None => slot.insert(find().await?).clone(),
        };
        let token = provider.token(&[scope]).await.map_err(|error| {
            Error::new(Stage::Source, ErrorKind::Unavailable, error).with_hint(
                "gcp_auth could not get a Google access token; it logs more as a warning",
            )
        })?;
        Ok(AccessToken::new(token.as_str(), token.expires_at().into()))
    }
}

/// `gcp_auth` reads files and runs `gcloud` while it looks, so it does that on a thread for
/// blocking work.
async fn find() -> Result<Arc<dyn TokenProvider>, Error> {
    let runtime = Handle::current();
    let found = tokio::task::spawn_blocking(move || runtime.block_on(gcp_auth::provider())).await;
    match found {
        Ok(Ok(provider)) => Ok(provider),
        Ok(Err(error)) => Err(Error::new(Stage::Source, ErrorKind::NotConfigured, error).with_hint(
            "gcp_auth found no Google credentials: run `gcloud auth application-default login`, set \
             GOOGLE_APPLICATION_CREDENTIALS, or run on Google Cloud",
        )),
        Err(error) => Err(Error::new(Stage::Source, ErrorKind::Unavailable, error)),
    }
}

impl ProvideAccessToken for GcpAuth {
    fn provide_access_token<'a>(
        &'a self,
        _: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(self.token(scope))
    }
}

impl fmt::Debug for GcpAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GcpAuth")
    }
}
