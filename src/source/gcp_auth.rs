//! Access tokens from the crate `gcp_auth`.

use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::metadata_server::MetadataServer;
use crate::token::{AccessToken, ProvideAccessToken, future};
use gcp_auth::{
    ConfigDefaultCredentials, CustomServiceAccount, GCloudAuthorizedUser, MetadataServiceAccount,
    TokenProvider,
};
use std::fmt;
use std::io;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, oneshot};

/// Access tokens from [`gcp_auth`]: `gcloud`'s user, or whatever provider you hand in.
///
/// Callers that need a token at the same time cause one fetch, on a thread for blocking work: some of `gcp_auth`'s
/// providers run programs and read files. It has an HTTP client, a retry policy and logs of its own; the
/// deadline of the exchange ends it.
///
/// `gcloud` is run for every exchange, since it doesn't say how long the token that it prints is good.
#[derive(Clone, Default)]
pub struct GcpAuth {
    /// What was handed in or found; never `gcloud`.
    provider: Arc<Mutex<Option<Arc<dyn TokenProvider>>>>,
    only_gcloud: bool,
}

impl GcpAuth {
    /// Takes a provider that you made. [`GcpAuth::default`] looks for one at the first use, in the order of
    /// [`gcp_auth::provider`]: the key file that `GOOGLE_APPLICATION_CREDENTIALS` names, gcloud's application
    /// default credentials, on Google's infrastructure the metadata server, and gcloud's user. A file that is there and
    /// can't be used is an error: `gcp_auth` reads keys and, at gcloud's place, the type `authorized_user`.
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
        let asks_metadata =
            !only_gcloud && slot.is_none() && MetadataServer::new().is_here(cx).await;
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
                None if only_gcloud => gcloud().await?,
                None => match find(asks_metadata).await? {
                    Some(provider) => slot.insert(provider).clone(),
                    None => gcloud().await?,
                },
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

/// As [`gcp_auth::provider`] does, but for gcloud's user, and the metadata server only where there is one: elsewhere
/// the look-up of its name can hang.
async fn find(asks_metadata: bool) -> Result<Option<Arc<dyn TokenProvider>>, Error> {
    // It is there: that it can't be used is no reason to become somebody else.
    let unusable = |hint: &str, error: gcp_auth::Error| {
        Error::new(Stage::Source, ErrorKind::Configuration, error).with_hint(hint)
    };
    if let Some(key) = CustomServiceAccount::from_env().map_err(|error| {
        unusable(
            "the key file that GOOGLE_APPLICATION_CREDENTIALS names can't be used",
            error,
        )
    })? {
        return Ok(Some(Arc::new(key)));
    }
    match ConfigDefaultCredentials::new().await {
        Ok(user) => return Ok(Some(Arc::new(user))),
        // Without its directory there is none either.
        Err(gcp_auth::Error::Str(what))
            if what.starts_with("home directory") || what.starts_with("APPDATA") => {}
        Err(gcp_auth::Error::Io(_, error)) if error.kind() == io::ErrorKind::NotFound => {}
        // Of the file, not of an answer.
        Err(error @ (gcp_auth::Error::Io(what, _) | gcp_auth::Error::Json(what, _)))
            if what.contains("ApplicationCredentials") || what.contains("credentials file") =>
        {
            return Err(unusable(
                "of gcloud's application default credentials gcp_auth reads the type authorized_user only: \
                 ApplicationDefault reads the others, and GcpAuth::gcloud() doesn't look at them",
                error,
            ));
        }
        Err(error) => {
            return Err(
                Error::new(Stage::Source, ErrorKind::Unavailable, error).with_hint(
                    "gcloud's application default credentials gave no access token; gcp_auth logs more as a \
                     warning. If the login expired, run `gcloud auth application-default login`",
                ),
            );
        }
    }
    if asks_metadata {
        match MetadataServiceAccount::new().await {
            Ok(account) => return Ok(Some(Arc::new(account))),
            Err(error) => tracing::debug!(%error, "the metadata server gave gcp_auth no token"),
        }
    }
    Ok(None)
}

/// It caches a token for an hour from now, however old that is: it is good for one use.
async fn gcloud() -> Result<Arc<dyn TokenProvider>, Error> {
    match GCloudAuthorizedUser::new().await {
        Ok(user) => Ok(Arc::new(user)),
        Err(error @ gcp_auth::Error::Io(..)) => Err(
            Error::new(Stage::Source, ErrorKind::NotConfigured, error).with_hint(
                "is gcloud installed and on the PATH? Else run on Google Cloud, or set \
                 GOOGLE_APPLICATION_CREDENTIALS",
            ),
        ),
        Err(error) => Err(
            Error::new(Stage::Source, ErrorKind::Unavailable, error).with_hint(
                "`gcloud auth print-access-token` gave no token and tells why: did `gcloud auth login` sign \
                 somebody in, and is there a network?",
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
