//! One exchange: first the source's ID token, then the STS session for it.

mod azp_watch;
mod shared;

use crate::aws::session::Session;
use crate::aws::session_name::{place, session_name};
use crate::aws::sts::{AssumeRole, Sts};
use crate::context::Context;
use crate::error::{Error, Stage};
use crate::names::Audience;
use crate::refresh::{Calendar, Deadline};
use crate::token::{IdToken, ProvideIdToken};
pub(crate) use azp_watch::AzpWatch;
pub(crate) use shared::Sharing;
use std::sync::Arc;
use std::time::Duration;

/// A token with a shorter remaining lifetime is replaced once before STS sees it: the source may
/// have returned a cached one that expires on the way.
const MIN_TOKEN_LIFETIME: Duration = Duration::from_secs(60);

/// Everything that one exchange needs. It keeps no state except the form of the last token's `azp`.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) cx: Context,
    pub(crate) audience: Audience,
    pub(crate) source: Arc<dyn ProvideIdToken>,
    pub(crate) role: Arc<AssumeRole>,
    pub(crate) sts: Sts,
    /// Of the identity, so that many roles warn once.
    pub(crate) azp: Arc<AzpWatch>,
    /// Present with a session cache.
    pub(crate) sharing: Option<Sharing>,
    /// Spreads the refreshes of many roles.
    pub(crate) calendar: Option<Arc<Calendar>>,
}

impl Exchange {
    /// An ID token from the source. One that is about to expire is replaced once.
    pub(crate) async fn id_token(&self) -> Result<IdToken, Error> {
        let token = self.ask_source().await?;
        let token = if self.is_about_to_expire(&token) {
            self.longer_lived(token).await
        } else {
            token
        };
        self.azp.see(token.claims());
        Ok(token)
    }

    /// Asks the source once more, and not in a loop: a server may return the same token until it
    /// expires.
    async fn longer_lived(&self, token: IdToken) -> IdToken {
        self.source.reject(&token);
        match self.ask_source().await {
            Ok(other) if other.expires_at() > token.expires_at() => other,
            Ok(_) => token,
            Err(error) => {
                tracing::debug!(%error, hint = error.hint(), "no other ID token; using the one that is about to expire");
                token
            }
        }
    }

    /// A token that has expired already does not count: more likely, this machine's clock is wrong.
    fn is_about_to_expire(&self, token: &IdToken) -> bool {
        token
            .expires_at()
            .duration_since(self.cx.now())
            .is_ok_and(|left| !left.is_zero() && left < MIN_TOKEN_LIFETIME)
    }

    async fn ask_source(&self) -> Result<IdToken, Error> {
        let token = self
            .source
            .provide_id_token(&self.cx, &self.audience)
            .await?;
        // The expiry is left for STS to judge: this machine's clock may be wrong.
        token.check_audience(Stage::Source, &self.audience)?;
        tracing::debug!(
            sub = token.claims().sub,
            azp = token.claims().azp,
            expires_at = token.claims().exp,
            "got an ID token"
        );
        Ok(token)
    }

    /// An ID token and the session for it. A token that STS refuses as too old or invalid is
    /// replaced once: the source may have cached it.
    ///
    /// Each stage runs under the deadline, so that a timeout names the stage at which it happened.
    pub(crate) async fn session(&self, deadline: &Deadline) -> Result<Session, Error> {
        let token = deadline.guard(Stage::Source, self.id_token()).await?;
        self.session_for(token, deadline).await
    }

    /// The session for this token, replaced once if STS refuses it.
    async fn session_for(&self, token: IdToken, deadline: &Deadline) -> Result<Session, Error> {
        let error = match self.assume_role(&token, deadline).await {
            Err(error) if error.blames_token() => error,
            other => return other,
        };
        tracing::debug!(%error, "STS refused the ID token; getting a fresh one");
        // `reject` is the source's code as well, so it runs under the guard.
        let fresh = async {
            self.source.reject(&token);
            self.id_token().await
        };
        let fresh = deadline.guard(Stage::Source, fresh).await?;
        if fresh.expose() == token.expose() {
            return Err(error.and_hint(
                "the source returned the identical token again, so it was not sent twice",
            ));
        }
        self.assume_role(&fresh, deadline).await
    }

    async fn assume_role(&self, token: &IdToken, deadline: &Deadline) -> Result<Session, Error> {
        let derived;
        let name = match &self.role.session_name {
            Some(name) => name,
            None => {
                derived = session_name(place(&self.cx).as_deref(), &token.claims().sub);
                &derived
            }
        };
        let session = self
            .sts
            .assume_role(&self.cx, &self.role, token, name, deadline);
        let session = deadline.guard(Stage::Sts, session).await?;
        tracing::debug!(
            access_key_id = session.credentials().access_key_id(),
            session_name = name.as_str(),
            "got a role session"
        );
        Ok(session)
    }
}
