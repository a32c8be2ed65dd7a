//! Application Default Credentials: the environment says which source it is
//! ([how they are found](https://cloud.google.com/docs/authentication/application-default-credentials)).

use super::{IdToken, ProvideIdToken};
use crate::{
    Audience, BuildError, Context, Error, ErrorKind, JwtBearer, LocalKey, MetadataServer, Stage,
    future,
};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Looks at the environment at the first use and becomes the source that it finds: the key file
/// that `GOOGLE_APPLICATION_CREDENTIALS` names, else the metadata server.
///
/// What a provider uses when it is given no source.
#[derive(Clone, Debug, Default)]
pub struct ApplicationDefault {
    found: Arc<OnceCell<Arc<dyn ProvideIdToken>>>,
}

const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

impl ApplicationDefault {
    /// Looks nowhere yet.
    pub fn new() -> Self {
        Self::default()
    }

    async fn find(&self, cx: &Context) -> Result<&Arc<dyn ProvideIdToken>, Error> {
        self.found
            .get_or_try_init(|| async {
                look(cx).map_err(|error| Error::new(Stage::Source, ErrorKind::Configuration, error))
            })
            .await
    }
}

fn look(cx: &Context) -> Result<Arc<dyn ProvideIdToken>, BuildError> {
    match cx.var(VARIABLE) {
        Some(path) => {
            let key = LocalKey::from_file(&path).map_err(|error| error.named_by(VARIABLE))?;
            tracing::debug!(path, account = %key.email(), "using the key file of {VARIABLE}");
            Ok(Arc::new(JwtBearer::new(key)))
        }
        None => {
            tracing::debug!("using the metadata server: {VARIABLE} is not set");
            Ok(Arc::new(MetadataServer::new()))
        }
    }
}

impl ProvideIdToken for ApplicationDefault {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(async {
            self.find(cx).await?.provide_id_token(cx, audience).await
        })
    }

    fn reject(&self, token: &IdToken) {
        if let Some(source) = self.found.get() {
            source.reject(token);
        }
    }

    /// A file that the environment names must be there when the provider is built.
    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        match cx.var(VARIABLE) {
            Some(_) => look(cx).map(drop),
            None => ProvideIdToken::check(&MetadataServer::new(), cx),
        }
    }
}
