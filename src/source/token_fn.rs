//! A token from a closure.

use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::names::Audience;
use crate::redact::shown;
use crate::token::{IdToken, ProvideIdToken, future};
use std::fmt;
use std::sync::Arc;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// An ID token from an async closure, which takes the audience and returns the JWT: for another
/// library that makes Google's ID tokens.
///
/// An [`Error`] of this crate is passed on as it is. Any other error becomes one of
/// [`Stage::Source`] and [`ErrorKind::Unavailable`]; it must not hold a secret.
///
/// # Example
/// ```no_run
/// # async fn ask_vault(audience: &str) -> Result<String, std::io::Error> { unimplemented!() }
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_google_web_identity::{GoogleWebIdentityProvider, TokenFn};
///
/// let provider = GoogleWebIdentityProvider::builder("arn:aws:iam::123456789012:role/demo")
///     .audience("https://myservice.example.com")
///     .token_source(TokenFn::new("vault", |audience| async move { ask_vault(audience.as_str()).await }))
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenFn {
    name: Arc<str>,
    call: Arc<Call>,
}

type Call = dyn Fn(Audience) -> future::ProvideIdToken<'static> + Send + Sync;

impl TokenFn {
    /// Calls `call` for each token. `name` appears in `Debug` and in errors.
    pub fn new<F, Fut, E>(name: impl Into<String>, call: F) -> Self
    where
        F: Fn(Audience) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        let name: Arc<str> = name.into().into();
        let label = name.clone();
        let call = move |audience| {
            let (jwt, name) = (call(audience), label.clone());
            future::ProvideIdToken::new(async move {
                match jwt.await {
                    Ok(jwt) => IdToken::parse(jwt),
                    Err(error) => Err(as_error(&name, error.into())),
                }
                .map_err(|error| error.with_detail("token function", &shown(&name)))
            })
        };
        Self {
            name,
            call: Arc::new(call),
        }
    }
}

fn as_error(name: &str, error: BoxError) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => {
            let message = format!("the token function {} failed", shown(name));
            Error::from_message(Stage::Source, ErrorKind::Unavailable, message).with_source(error)
        }
    }
}

impl ProvideIdToken for TokenFn {
    fn provide_id_token<'a>(
        &'a self,
        _: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        (self.call)(audience.clone())
    }
}

impl fmt::Debug for TokenFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenFn").field(&self.name).finish()
    }
}
