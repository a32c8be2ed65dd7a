//! The credentials that an endpoint serves: fresh ones within 700 ms, or else those held.

use crate::{clock, json};
use aws_google_web_identity::{Error, GoogleWebIdentityProvider, Session};
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The SDK for JavaScript waits for an answer for 1 s.
const ANSWER_WITHIN: Duration = Duration::from_millis(700);
/// How often the watcher looks for new credentials that no exchange of this process announced: they
/// come from the cache.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The same error is logged again after this time.
const LOG_ERRORS_EVERY: Duration = Duration::from_secs(60);

/// Credentials, and their JSON.
#[derive(Clone)]
pub(crate) struct Held {
    access_key_id: String,
    expires_at: SystemTime,
    pub(crate) body: Bytes,
}

/// Why there are no credentials to serve.
#[derive(Debug)]
pub(crate) enum Missing {
    Failed(Error),
    /// No answer within 700 ms. The fetch goes on.
    Late,
}

/// The provider of an endpoint, and what it provided last.
pub(crate) struct Supply {
    provider: GoogleWebIdentityProvider,
    held: Mutex<Option<Held>>,
    logged: Mutex<Option<(String, SystemTime)>>,
}

impl Supply {
    /// Fetches the first credentials.
    pub(crate) async fn start(provider: GoogleWebIdentityProvider) -> Result<Arc<Self>, Error> {
        let session = provider.session().await?;
        let supply = Self {
            provider,
            held: Mutex::default(),
            logged: Mutex::default(),
        };
        supply.hold(&session);
        Ok(Arc::new(supply))
    }

    /// The JSON of valid credentials.
    pub(crate) async fn body(&self) -> Result<Bytes, Missing> {
        // The library returns held credentials as well while a refresh fails, but may wait longer
        // for the refresh when they are about to expire.
        let missing = match clock::within(ANSWER_WITHIN, self.provider.session()).await {
            Some(Ok(session)) => return Ok(self.hold(&session)),
            Some(Err(error)) => Missing::Failed(error),
            None => match self.valid() {
                Some(held) => return Ok(held.body),
                None => Missing::Late,
            },
        };
        self.log(&missing);
        Err(missing)
    }

    /// The remaining lifetime of the credentials, zero if there are none.
    pub(crate) fn left(&self) -> Duration {
        let held = lock(&self.held);
        let left = held
            .as_ref()
            .map(|held| held.expires_at.duration_since(clock::now()));
        left.and_then(Result::ok).unwrap_or_default()
    }

    /// Logs each refresh. `changed` returns after each exchange.
    pub(crate) async fn watch<F: Future<Output = ()>>(&self, changed: impl Fn() -> F) {
        loop {
            // Both mean the same: look.
            let _ = clock::within(LOOK_EVERY, changed()).await;
            // The error is logged by the library.
            if let Ok(session) = self.provider.session().await {
                self.hold(&session);
            }
        }
    }

    fn valid(&self) -> Option<Held> {
        let held = lock(&self.held).clone();
        held.filter(|held| held.expires_at > clock::now())
    }

    /// Keeps the session. Returns its JSON, which is made once for each session.
    fn hold(&self, session: &Session) -> Bytes {
        let access_key_id = session.credentials().access_key_id();
        let mut held = lock(&self.held);
        if let Some(held) = &*held
            && held.access_key_id == access_key_id
            && held.expires_at == session.expires_at()
        {
            return held.body.clone();
        }
        let is_new = held
            .as_ref()
            .is_none_or(|held| held.access_key_id != access_key_id);
        let body = Bytes::from(json::container(session));
        *held = Some(Held {
            access_key_id: access_key_id.to_owned(),
            expires_at: session.expires_at(),
            body: body.clone(),
        });
        drop(held);
        if is_new {
            let expires_at = json::time(session.expires_at());
            tracing::info!(access_key_id, expires_at, "new credentials");
        }
        body
    }

    /// Logs an error that a client gets: the SDK for Rust drops it. Not for each request, since a
    /// client may ask a thousand times a second.
    fn log(&self, missing: &Missing) {
        let (text, hint) = match missing {
            Missing::Failed(error) => (error.to_string(), error.hint()),
            Missing::Late => ("no credentials within 700 ms".to_owned(), None),
        };
        let now = clock::now();
        let mut logged = lock(&self.logged);
        if let Some((before, at)) = &*logged
            && *before == text
            && now
                .duration_since(*at)
                .is_ok_and(|since| since < LOG_ERRORS_EVERY)
        {
            return;
        }
        tracing::error!(error = text, hint, "no credentials to serve");
        *logged = Some((text, now));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
