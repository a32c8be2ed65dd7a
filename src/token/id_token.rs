//! Google ID tokens and the trait that provides them.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::names::Audience;
use crate::redact::{Secret, shown};
use crate::token::claims::Claims;
use crate::token::future;
use crate::transport::Received;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Produces a Google ID token for an audience.
///
/// The provider's `Debug` includes its `Debug`, which must hide secrets, as that of [`IdToken`]
/// does.
///
/// [`TokenFile`](crate::TokenFile), [`TokenCommand`](crate::TokenCommand) and
/// [`TokenFn`](crate::TokenFn) bring tokens from elsewhere. A source with a state of its own
/// implements the trait:
///
/// ```
/// use aws_google_web_identity::{Audience, Context, Error, ErrorKind, IdToken, ProvideIdToken, Stage, future};
///
/// /// Tokens made in advance, each for one exchange.
/// #[derive(Debug)]
/// struct Stack(std::sync::Mutex<Vec<IdToken>>);
///
/// impl ProvideIdToken for Stack {
///     fn provide_id_token<'a>(&'a self, _: &'a Context, _: &'a Audience) -> future::ProvideIdToken<'a> {
///         let token = self.0.lock().unwrap().pop();
///         future::ProvideIdToken::ready(
///             token.ok_or_else(|| Error::new(Stage::Source, ErrorKind::Unavailable, "no token is left")),
///         )
///     }
/// }
/// ```
pub trait ProvideIdToken: Debug + Send + Sync {
    /// Provides an ID token whose `aud` is `audience`.
    ///
    /// An exchange calls it once, and again when the token has less than 60 s left or STS refuses
    /// it as too old or invalid. One exchange runs at a time, but
    /// [`id_token`](crate::GoogleWebIdentityProvider::id_token) may call it at the same time. It
    /// may be dropped at any await when the deadline passes.
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a>;

    /// STS refused this token as too old or invalid, or it has less than 60 s left: a source that
    /// caches tokens drops it.
    fn reject(&self, token: &IdToken) {
        let _ = token;
    }

    /// Who the tokens of this source are for, if that is known without making one: `None` if it is
    /// not, which is the default.
    ///
    /// A provider with a [`SessionCache`](crate::SessionCache) asks before it loads a session. With
    /// `None` it asks for a token first, and takes the identity in it. `across_machines` says
    /// whether other machines use the cache; if not, what is fixed on this machine while it runs
    /// tells as much as the name of its account.
    ///
    /// # Errors
    /// An error counts as `None`.
    fn identity<'a>(
        &'a self,
        cx: &'a Context,
        across_machines: bool,
    ) -> future::ProvideIdentity<'a> {
        let _ = (cx, across_machines);
        future::ProvideIdentity::ready(Ok(None))
    }

    /// Reports what is wrong with the setup of the source; `build` calls it, on a thread of its own
    /// and for at most 10 s.
    ///
    /// # Errors
    /// Every problem that shows without I/O beyond local files.
    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let _ = cx;
        Ok(())
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: ProvideIdToken + ?Sized> ProvideIdToken for $pointer {
            fn provide_id_token<'a>(
                &'a self,
                cx: &'a Context,
                audience: &'a Audience,
            ) -> future::ProvideIdToken<'a> {
                (**self).provide_id_token(cx, audience)
            }

            fn reject(&self, token: &IdToken) {
                (**self).reject(token);
            }

            fn identity<'a>(
                &'a self,
                cx: &'a Context,
                across_machines: bool,
            ) -> future::ProvideIdentity<'a> {
                (**self).identity(cx, across_machines)
            }

            fn check(&self, cx: &Context) -> Result<(), BuildError> {
                (**self).check(cx)
            }
        }
    )*};
}
forward!(Arc<T>, Box<T>);

/// STS accepts a token of at most this many characters
/// ([WebIdentityToken](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html)).
pub(crate) const MAX_TOKEN: usize = 20_000;

/// A Google ID token: a JWT whose claims were read. STS, not this crate, verifies its signature.
///
/// It is cheap to clone. `Debug` shows the claims, never the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdToken(Arc<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    jwt: Secret,
    claims: Claims,
    expires_at: SystemTime,
}

impl IdToken {
    /// Reads the claims of a JWT in compact form. White space and byte order marks around it are
    /// trimmed.
    ///
    /// # Errors
    /// [`ErrorKind::MalformedResponse`] when it doesn't have three base64url parts, when the second
    /// isn't a JSON object with `iss`, `sub`, `aud`, `exp` and `iat`, or when it is longer than the
    /// 20,000 characters that STS accepts.
    pub fn parse(jwt: impl AsRef<str>) -> Result<Self, Error> {
        Self::parse_for(Stage::Source, jwt.as_ref())
    }

    fn parse_for(stage: Stage, jwt: &str) -> Result<Self, Error> {
        let malformed =
            |message: String| Error::from_message(stage, ErrorKind::MalformedResponse, message);
        let jwt = crate::file::text::trim(jwt);
        if jwt.len() > MAX_TOKEN {
            return Err(malformed(format!(
                "the ID token has {} characters; STS takes at most {MAX_TOKEN}",
                jwt.len()
            )));
        }
        let claims = Claims::of_jwt(jwt).map_err(malformed)?;
        let expires_at = UNIX_EPOCH
            .checked_add(Duration::from_secs(claims.exp))
            .ok_or_else(|| {
                malformed(format!(
                    "the ID token's exp, {}, is out of range",
                    claims.exp
                ))
            })?;
        Ok(Self(Arc::new(Inner {
            jwt: Secret::new(jwt),
            claims,
            expires_at,
        })))
    }

    /// Takes a token from a server's answer: reads its claims, and checks its audience and its
    /// time, by the server's own clock when the answer has a `Date`.
    pub(crate) fn received(
        stage: Stage,
        jwt: &str,
        audience: &Audience,
        received: &Received,
    ) -> Result<Self, Error> {
        let mut token = Self::parse_for(stage, jwt)?;
        let claims = token.claims();
        let span = Duration::from_secs(claims.exp.saturating_sub(claims.iat));
        let expires_at = received.local_expiry(token.0.expires_at, span);
        Arc::make_mut(&mut token.0).expires_at = expires_at;
        token.check_audience(stage, audience)?;
        token.check_expiry(stage, received.at)?;
        Ok(token)
    }

    /// Checks that the token is for this audience.
    pub(crate) fn check_audience(&self, stage: Stage, audience: &Audience) -> Result<(), Error> {
        let found = &self.claims().aud;
        if found == audience.as_str() {
            return Ok(());
        }
        let message = format!(
            "the ID token is for the audience {}, not for {}",
            shown(found),
            shown(audience.as_str())
        );
        Err(
            Error::from_message(stage, ErrorKind::MalformedResponse, message)
                .with_hint("the source must ask for the audience that it is given"),
        )
    }

    fn check_expiry(&self, stage: Stage, now: SystemTime) -> Result<(), Error> {
        let Ok(since) = now.duration_since(self.expires_at()) else {
            return Ok(());
        };
        let message = format!(
            "the ID token expired {} s ago (exp {})",
            since.as_secs(),
            self.claims().exp
        );
        Err(
            Error::from_message(stage, ErrorKind::MalformedResponse, message)
                .with_hint("if the token is fresh, this machine's clock is wrong"),
        )
    }

    /// The token itself, a secret: it is the identity until it expires.
    pub fn expose(&self) -> &str {
        self.0.jwt.expose()
    }

    /// The token's claims.
    pub fn claims(&self) -> &Claims {
        &self.0.claims
    }

    /// When it expires by this machine's clock: `exp`, corrected by the difference between the
    /// clocks when the server that issued it sent its own time.
    pub fn expires_at(&self) -> SystemTime {
        self.0.expires_at
    }
}

#[cfg(test)]
mod tests;
