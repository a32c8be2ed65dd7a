//! Google access tokens, what the IAM Credentials API is called with.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::redact::{Secret, SecretText};
use crate::token::future;
use serde::Deserialize;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The scope that suffices for the IAM Credentials API and that every source can give
/// ([signJwt](https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signJwt#authorization-scopes)).
pub(crate) const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";

/// Whatever can produce a Google access token: what [`IamSignJwt`](crate::IamSignJwt) and
/// [`IamIdToken`](crate::IamIdToken) call Google with. Its `Debug` is part of the provider's, and must hide what is secret, as
/// that of [`AccessToken`] does.
pub trait ProvideAccessToken: Debug + Send + Sync {
    /// Provides an access token for `scope`, a URL such as
    /// `https://www.googleapis.com/auth/cloud-platform`.
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a>;

    /// Says what is wrong with how the source is set up; `build` calls it.
    ///
    /// # Errors
    /// Every problem that can be seen without I/O beyond local files.
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
    /// Takes the token, without `Bearer`, and when it expires.
    pub fn new(token: impl Into<String>, expires_at: SystemTime) -> Self {
        Self::of(Secret::new(token), expires_at)
    }

    pub(crate) fn of(token: Secret, expires_at: SystemTime) -> Self {
        Self {
            token,
            expires_at,
            quota_project: None,
        }
    }

    /// The same token, its calls counted against this project.
    pub(crate) fn charged_to(self, project: Arc<str>) -> Self {
        Self {
            quota_project: Some(project),
            ..self
        }
    }

    /// The token itself, a secret.
    pub fn expose(&self) -> &str {
        self.token.expose()
    }

    /// When it expires.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The project whose quota and enabled APIs its calls count against; by default the one that the identity belongs to.
    pub(crate) fn quota_project(&self) -> Option<&str> {
        self.quota_project.as_deref()
    }
}

/// What a token endpoint and the metadata server answer when asked for an access token
/// ([RFC 6749, 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    access_token: SecretText,
    expires_in: u64,
}

impl TokenAnswer {
    /// Google's access tokens live an hour; a day bounds what a hostile answer can say.
    const MAX_LIFETIME: u64 = 24 * 3600;

    pub(crate) fn into_token(self, received_at: SystemTime) -> AccessToken {
        let lifetime = Duration::from_secs(self.expires_in.min(Self::MAX_LIFETIME));
        let expires_at = received_at.checked_add(lifetime).unwrap_or(received_at);
        AccessToken::of(self.access_token.0, expires_at)
    }
}
