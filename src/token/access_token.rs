//! Google access tokens, which authorize calls of the IAM Credentials API.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::redact::{Secret, SecretText};
use crate::token::future;
use http::HeaderValue;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The scope that suffices for the IAM Credentials API and that every source can provide
/// ([signJwt](https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signJwt#authorization-scopes)).
pub(crate) const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Produces Google access tokens, with which [`IamSignJwt`](crate::IamSignJwt) and
/// [`IamIdToken`](crate::IamIdToken) call Google.
///
/// The provider's `Debug` includes its `Debug`, which must hide secrets, as that of [`AccessToken`]
/// does.
pub trait ProvideAccessToken: Debug + Send + Sync {
    /// Provides an access token for `scope`, a URL such as
    /// `https://www.googleapis.com/auth/cloud-platform`.
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a>;

    /// Reports what is wrong with the setup of the source; `build` calls it.
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
        impl<T: ProvideAccessToken + ?Sized> ProvideAccessToken for $pointer {
            fn provide_access_token<'a>(
                &'a self,
                cx: &'a Context,
                scope: &'a str,
            ) -> future::ProvideAccessToken<'a> {
                (**self).provide_access_token(cx, scope)
            }

            fn check(&self, cx: &Context) -> Result<(), BuildError> {
                (**self).check(cx)
            }
        }
    )*};
}
forward!(Arc<T>, Box<T>);

/// A Google access token. `Debug` redacts it.
#[derive(Clone, Debug)]
pub struct AccessToken {
    token: Secret,
    expires_at: SystemTime,
    quota_project: Option<Arc<str>>,
}

impl AccessToken {
    /// Takes the token, without `Bearer`, and when it expires. White space around it is trimmed.
    pub fn new(token: impl Into<String>, expires_at: SystemTime) -> Self {
        Self::of(Secret::new(token), expires_at)
    }

    pub(crate) fn of(token: Secret, expires_at: SystemTime) -> Self {
        // Most tokens have none around them, and need no copy.
        let token = match token.expose().trim() {
            trimmed if trimmed.len() == token.expose().len() => token,
            trimmed => Secret::new(trimmed),
        };
        Self {
            token,
            expires_at,
            quota_project: None,
        }
    }

    /// The same token, its calls counted against this project.
    pub(crate) fn with_quota_project(self, project: Arc<str>) -> Self {
        Self {
            quota_project: Some(project),
            ..self
        }
    }

    /// The token itself, a secret.
    pub fn expose(&self) -> &str {
        self.token.expose()
    }

    /// When it expires. For a server that doesn't say, the time at which the token arrived.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The project whose quota and enabled APIs its calls count against. By default it is the
    /// identity's own.
    pub(crate) fn quota_project(&self) -> Option<&str> {
        self.quota_project.as_deref()
    }

    /// The token for a header.
    ///
    /// # Errors
    /// `Configuration` for a token that no header can hold.
    pub(crate) fn for_header(&self) -> Result<&str, Error> {
        match HeaderValue::from_str(self.expose()) {
            Ok(_) => Ok(self.expose()),
            Err(_) => Err(Error::from_message(
                Stage::Source,
                ErrorKind::Configuration,
                "the access token contains a control character, which HTTP headers do not allow; its source must \
                 provide the token and nothing else",
            )),
        }
    }
}

/// What a token endpoint and the metadata server answer when asked for an access token
/// ([RFC 6749, 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    access_token: SecretText,
    /// Not needed: each token is used at once. Servers send a number, a text or nothing.
    #[serde(default)]
    expires_in: Value,
}

impl TokenAnswer {
    /// Google's access tokens live an hour. A day bounds what a hostile answer can say.
    const MAX_LIFETIME: f64 = 24.0 * 3600.0;

    pub(crate) fn into_token(self, received_at: SystemTime) -> AccessToken {
        let seconds = match &self.expires_in {
            Value::String(text) => text.trim().parse().ok(),
            number => number.as_f64(),
        };
        let bounded = seconds
            .filter(|it: &f64| !it.is_nan())
            .map(|it| it.min(Self::MAX_LIFETIME));
        let lifetime = bounded.and_then(|it| Duration::try_from_secs_f64(it).ok());
        let lifetime = lifetime.unwrap_or_default();
        let expires_at = received_at.checked_add(lifetime).unwrap_or(received_at);
        AccessToken::of(self.access_token.0, expires_at)
    }
}

#[cfg(test)]
mod tests;
