//! The hops in order: ID token, then STS.

mod azp_watch;

use crate::aws::session::Session;
use crate::aws::session_name::{place, session_name};
use crate::aws::sts::Sts;
use crate::context::Context;
use crate::error::{Error, Stage};
use crate::names::{Audience, SessionName};
use crate::token::{IdToken, ProvideIdToken};
pub(crate) use azp_watch::AzpWatch;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A token with less left than this is not worth showing to STS while there may be another: the sources that
/// Google caches for hand out what they have.
const LITTLE_LEFT: Duration = Duration::from_secs(60);

/// Everything that one exchange needs. It remembers nothing but what the last token's `azp` looked like, and where it is.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) cx: Context,
    pub(crate) audience: Audience,
    pub(crate) source: Arc<dyn ProvideIdToken>,
    pub(crate) session_name: Option<SessionName>,
    pub(crate) sts: Sts,
    pub(crate) azp: AzpWatch,
    /// Whether the exchange under way has got to STS, for the error of one that is ended from outside.
    pub(crate) at_sts: AtomicBool,
}

impl Exchange {
    /// An ID token with some life left, if the source has such a one.
    pub(crate) async fn id_token(&self) -> Result<IdToken, Error> {
        let token = self.ask_source().await?;
        let token = match self.has_little_left(&token) {
            true => self.longer_lived(token).await,
            false => token,
        };
        self.azp.see(token.claims());
        Ok(token)
    }

    /// Asks once more, not in a loop: a server may hand out the same token until it is over.
    async fn longer_lived(&self, token: IdToken) -> IdToken {
        self.source.reject(&token);
        match self.ask_source().await {
            Ok(other) if other.expires_at() > token.expires_at() => other,
            Ok(_) => token,
            Err(error) => {
                tracing::debug!(%error, hint = error.hint(), "no other ID token; using the one that has little time left");
                token
            }
        }
    }

    /// One that has nothing left is another matter: then this machine's clock may be wrong.
    fn has_little_left(&self, token: &IdToken) -> bool {
        token
            .expires_at()
            .duration_since(self.cx.now())
            .is_ok_and(|left| !left.is_zero() && left < LITTLE_LEFT)
    }

    async fn ask_source(&self) -> Result<IdToken, Error> {
        let token = self
            .source
            .provide_id_token(&self.cx, &self.audience)
            .await?;
        // Whether a token of a source of the user's own has expired is for STS to say: this machine's
        // clock may be wrong.
        token.check_audience(Stage::Source, &self.audience)?;
        tracing::debug!(
            sub = token.claims().sub,
            azp = token.claims().azp,
            expires_at = token.claims().exp,
            "got an ID token"
        );
        Ok(token)
    }

    /// Where the exchange under way has got to.
    pub(crate) fn stage(&self) -> Stage {
        match self.at_sts.load(Ordering::Relaxed) {
            true => Stage::Sts,
            false => Stage::Source,
        }
    }

    /// An ID token and the session for it. A token that STS finds too old or invalid is replaced
    /// once: the source may have remembered it.
    pub(crate) async fn session(&self) -> Result<Session, Error> {
        self.at_sts.store(false, Ordering::Relaxed);
        let token = self.id_token().await?;
        let refusal = match self.assume_role(&token).await {
            Ok(session) => return Ok(session),
            Err(refusal) => refusal,
        };
        if !refusal.fresh_token_may_help {
            return Err(refusal.error);
        }
        tracing::debug!(error = %refusal.error, "STS refused the ID token; getting a fresh one");
        self.at_sts.store(false, Ordering::Relaxed);
        self.source.reject(&token);
        let fresh = self.id_token().await?;
        if fresh.expose() == token.expose() {
            return Err(refusal.error.and_hint(
                "the source handed out the identical token again, so it was not sent twice",
            ));
        }
        self.assume_role(&fresh)
            .await
            .map_err(|refusal| refusal.error)
    }

    async fn assume_role(&self, token: &IdToken) -> Result<Session, crate::aws::sts::Refusal> {
        self.at_sts.store(true, Ordering::Relaxed);
        let made;
        let name = match &self.session_name {
            Some(name) => name,
            None => {
                made = session_name(place(&self.cx).as_deref(), &token.claims().sub);
                &made
            }
        };
        let session = self.sts.assume_role(&self.cx, token, name).await?;
        tracing::debug!(
            access_key_id = session.credentials().access_key_id(),
            session_name = name.as_str(),
            "got a role session"
        );
        Ok(session)
    }
}
