//! Access tokens from the crate `gcp_auth`.

use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::redact::json_place;
use crate::token::{AccessToken, ProvideAccessToken, future};
use gcp_auth::{GCloudAuthorizedUser, TokenProvider};
use std::fmt;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, oneshot};

/// Access tokens from [`gcp_auth`]: of `gcloud`'s user, or of a provider that you made.
///
/// Callers that need a token at the same time cause one fetch, on a thread for blocking work: some
/// of `gcp_auth`'s providers run programs and read files. `gcp_auth` has an HTTP client, a retry
/// policy and logs of its own; the deadline of the exchange ends its fetch.
///
/// `gcloud` runs for every exchange, since it doesn't say when the token that it prints expires.
#[derive(Clone)]
pub struct GcpAuth {
    origin: Origin,
    /// Held during a fetch: `gcp_auth` itself would make one fetch for each caller that waits.
    fetching: Arc<Mutex<()>>,
}

#[derive(Clone)]
enum Origin {
    Provider(Arc<dyn TokenProvider>),
    Gcloud,
}

impl GcpAuth {
    /// Takes a provider that you made, such as a [`gcp_auth::CustomServiceAccount`] or what
    /// [`gcp_auth::provider`] finds.
    pub fn new(provider: Arc<dyn TokenProvider>) -> Self {
        Self {
            origin: Origin::Provider(provider),
            fetching: Arc::default(),
        }
    }

    /// Takes the account that is active in the `gcloud` on the `PATH`, which `gcloud auth login`
    /// signed in: a person at a laptop, as the caller of [`IamIdToken`](crate::IamIdToken) or
    /// [`IamSignJwt`](crate::IamSignJwt).
    pub fn gcloud() -> Self {
        Self {
            origin: Origin::Gcloud,
            fetching: Arc::default(),
        }
    }

    async fn token(&self, scope: &str) -> Result<AccessToken, Error> {
        let fetching = self.fetching.clone().lock_owned().await;
        let (origin, scope) = (self.origin.clone(), scope.to_owned());
        let runtime = Handle::try_current().map_err(|error| {
            Error::new(Stage::Source, ErrorKind::Configuration, error)
                .with_hint("gcp_auth needs a tokio runtime")
        })?;
        // Dropped with this future, it ends the fetch: a fetch that hangs would hold the lock
        // forever.
        let (_waiting, abandoned) = oneshot::channel::<()>();
        let fetch = async move {
            let _fetching = fetching;
            let provider = match origin {
                Origin::Provider(provider) => provider,
                // It caches a token for an hour from now, however old the token is, so each serves
                // one fetch.
                Origin::Gcloud => gcloud().await?,
            };
            let token = provider.token(&[&scope]).await.map_err(|error| {
                unavailable(error).with_hint(
                    "gcp_auth could not get a Google access token; it logs more as a warning",
                )
            })?;
            Ok(AccessToken::new(token.as_str(), token.expires_at().into()))
        };
        let fetch = async {
            tokio::select! {
                token = fetch => Some(token),
                _ = abandoned => None,
            }
        };
        let failed = |what: &str| {
            Err(Error::from_message(
                Stage::Source,
                ErrorKind::Unavailable,
                what,
            ))
        };
        match tokio::task::spawn_blocking(move || runtime.block_on(fetch)).await {
            Ok(Some(token)) => token,
            Ok(None) => failed("no caller waits for the access token any more"),
            Err(error) if error.is_panic() => failed("gcp_auth panicked"),
            Err(_) => failed("the runtime ended during a fetch of gcp_auth"),
        }
    }
}

async fn gcloud() -> Result<Arc<dyn TokenProvider>, Error> {
    match GCloudAuthorizedUser::new().await {
        Ok(user) => Ok(Arc::new(user)),
        Err(error @ gcp_auth::Error::Io(..)) => {
            Err(
                Error::new(Stage::Source, ErrorKind::NotConfigured, error).with_hint(
                    "is gcloud installed and on the PATH? Otherwise run on Google Cloud, or set \
                 GOOGLE_APPLICATION_CREDENTIALS",
                ),
            )
        }
        Err(error) => Err(unavailable(error).with_hint(
            "`gcloud auth print-access-token` gave no token and says why: has `gcloud auth login` \
             signed anybody in, and is there a network?",
        )),
    }
}

fn unavailable(error: gcp_auth::Error) -> Error {
    match error {
        // Its text quotes the answer, which may be a token.
        gcp_auth::Error::Json(what, error) => Error::from_message(
            Stage::Source,
            ErrorKind::Unavailable,
            format!(
                "{what}: not the JSON that was expected ({})",
                json_place(&error)
            ),
        ),
        error => Error::new(Stage::Source, ErrorKind::Unavailable, error),
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
        f.write_str(match self.origin {
            Origin::Provider(_) => "GcpAuth",
            Origin::Gcloud => "GcpAuth(gcloud)",
        })
    }
}
