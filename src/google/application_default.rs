//! Application Default Credentials: the environment names the source
//! ([how they are found](https://cloud.google.com/docs/authentication/application-default-credentials)).

pub(crate) mod adc_file;
mod authorized_user;
mod default_identity;
pub(crate) mod external_account;
mod place;
pub(crate) mod quota_project;
mod subject_token;
pub(crate) mod target;

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::file::{FileState, off_runtime};
use crate::google::iam::{IamIdToken, parse_endpoint};
use crate::google::metadata_server::MetadataServer;
use crate::names::Audience;
use crate::redact::ShownPath;
use crate::token::{IdToken, ProvideAccessToken, ProvideIdToken, future};
use crate::transport::Endpoint;
use adc_file::CredentialsFile;
pub use default_identity::DefaultIdentity;
use place::Place;
use quota_project::{QuotaProject, with_quota_project};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use target::Target;

const QUOTA_PROJECT: &str = "GOOGLE_CLOUD_QUOTA_PROJECT";
const IMPERSONATE: &str = "CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT";

/// The source that the environment names. A provider without another source uses it.
///
/// # Where it looks
///
/// At the first use, in the order of Google's own libraries:
/// 1. the file that `GOOGLE_APPLICATION_CREDENTIALS` names;
/// 2. gcloud's `application_default_credentials.json`, in `CLOUDSDK_CONFIG` or the user's
///    configuration;
/// 3. the metadata server.
///
/// A file that changed is read again; so is one whose identity Google refuses (`invalid_grant`).
/// `Debug` shows what was chosen.
///
/// # Types of file
///
/// A `service_account`, an `impersonated_service_account`, and an `external_account` that names a
/// service account work as they are. An `authorized_user` or `external_account_authorized_user`, a
/// person, needs an account to act as: from [`impersonate`](Self::impersonate), or from gcloud's
/// variable `CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT`.
///
/// IAM is told the file's `quota_project_id`, or `GOOGLE_CLOUD_QUOTA_PROJECT` in its place.
#[derive(Clone, Debug, Default)]
pub struct ApplicationDefault {
    impersonate: Option<Result<Target, BuildError>>,
    iam_endpoint: Option<Result<Endpoint, BuildError>>,
    given: Option<CredentialsFile>,
    path: Option<ShownPath>,
    chosen: Arc<Mutex<Option<Chosen>>>,
}

/// The source in use, what led to it, and the state of its file.
#[derive(Clone, Debug)]
struct Chosen {
    found: Found,
    state: Option<FileState>,
    source: Arc<dyn ProvideIdToken>,
    /// Google refused the identity: the file is read again even if it looks unchanged.
    is_refused: bool,
}

/// What the environment says. When it changes, the source is chosen anew.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    place: Place,
    impersonate: Option<String>,
    quota_project: Option<String>,
}

impl ApplicationDefault {
    /// Looks nowhere yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads this credentials file, of any type, and doesn't look for another. The file is read at
    /// the first use, and again when it changed.
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self {
            path: Some(ShownPath::new(path)),
            ..Self::default()
        }
    }

    /// Takes the contents of a credentials file of any type, from a secret store, and doesn't look
    /// for another.
    ///
    /// ```no_run
    /// # fn secret() -> Vec<u8> { unimplemented!() }
    /// use aws_google_web_identity::ApplicationDefault;
    ///
    /// let source = ApplicationDefault::from_json(secret())?;
    /// # Ok::<(), aws_google_web_identity::BuildError>(())
    /// ```
    ///
    /// # Errors
    /// When they aren't JSON of a known type with all its fields. The message never shows a secret.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, BuildError> {
        let given = CredentialsFile::parse(&Place::Given.to_string(), json.as_ref())?;
        Ok(Self {
            given: Some(given),
            ..Self::default()
        })
    }

    /// Acts as this service account, whatever is found. The caller needs
    /// `roles/iam.serviceAccountOpenIdTokenCreator` on it. It wins over
    /// `CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT`, and like it may be a chain
    /// `delegate,…,account`.
    #[must_use]
    pub fn impersonate(self, email: impl Into<String>) -> Self {
        let target = Target::parse_chain("ApplicationDefault::impersonate", &email.into());
        Self {
            impersonate: Some(target),
            // A clone must not share what this one chooses.
            chosen: Arc::default(),
            ..self
        }
    }

    /// Replaces the origin `https://iamcredentials.googleapis.com` for the account to impersonate:
    /// https, or http on loopback. A file that impersonates an account names the origin itself.
    #[must_use]
    pub fn iam_endpoint(self, uri: impl Into<String>) -> Self {
        let endpoint = parse_endpoint(&uri.into());
        let endpoint = endpoint.map_err(|error| error.of("ApplicationDefault::iam_endpoint"));
        Self {
            iam_endpoint: Some(endpoint),
            chosen: Arc::default(),
            ..self
        }
    }

    fn found(&self, cx: &Context) -> Found {
        Found {
            place: match (&self.given, &self.path) {
                (Some(_), _) => Place::Given,
                (None, Some(path)) => Place::of_path(path.clone()),
                (None, None) => Place::find(cx.environment()),
            },
            impersonate: cx.var(IMPERSONATE).filter(|it| !it.trim().is_empty()),
            quota_project: cx.var(QUOTA_PROJECT),
        }
    }

    /// The source for now, and its place: those chosen before, unless the environment or the file
    /// changed. It looks at the file's state each time, and reads the file only when that changed.
    fn source(&self, cx: &Context) -> Result<(Arc<dyn ProvideIdToken>, Place), BuildError> {
        let found = self.found(cx);
        let state = found.place.state();
        let mut chosen = self.chosen();
        let before = chosen.as_ref().filter(|before| before.found == found);
        if let Some(before) = before.filter(|it| it.state == state && !it.is_refused) {
            return Ok((before.source.clone(), found.place));
        }
        let source = self.choose(&found).and_then(|source| {
            source.check(cx)?;
            Ok(source)
        });
        match (source, before) {
            (Ok(source), _) => {
                let place = found.place.clone();
                *chosen = Some(Chosen {
                    found,
                    state,
                    source: source.clone(),
                    is_refused: false,
                });
                Ok((source, place))
            }
            // The file may be half written. What was read before may still be good.
            (Err(error), Some(before)) => {
                tracing::warn!(
                    %error,
                    "the credentials file changed and can't be used; keeping what was read before"
                );
                Ok((before.source.clone(), found.place))
            }
            (Err(error), None) => Err(error),
        }
    }

    /// The file, if there is one, and the account to impersonate, if one is named.
    fn read(&self, found: &Found) -> Result<(Option<CredentialsFile>, Option<Target>), BuildError> {
        let endpoint = self.iam_endpoint.clone().transpose()?;
        let target = match (&self.impersonate, &found.impersonate) {
            (Some(target), _) => Some(target.clone()?),
            (None, Some(variable)) => Some(Target::parse_chain(IMPERSONATE, variable)?),
            (None, None) => None,
        };
        let file = match (&self.given, &found.place) {
            (Some(given), _) => Some(given.clone()),
            (None, Place::File { .. }) => Some(found.place.read()?),
            (None, Place::Given | Place::Metadata) => None,
        };
        Ok((file, target.map(|target| target.at(endpoint))))
    }

    fn choose(&self, found: &Found) -> Result<Arc<dyn ProvideIdToken>, BuildError> {
        let (file, target) = self.read(found)?;
        let quota_project = QuotaProject::parse(QUOTA_PROJECT, found.quota_project.as_deref())?;
        let account = target.as_ref().map(Target::account);
        let account = account.or(file.as_ref().and_then(CredentialsFile::account));
        tracing::debug!(
            place = %found.place,
            r#type = file.as_ref().map(CredentialsFile::r#type),
            account = account.map(|it| it.as_str()),
            "application default credentials"
        );
        match (file, target) {
            (Some(file), target) => {
                let name = found.place.to_string();
                file.id_token_source(&name, target.as_ref(), quota_project.as_ref())
            }
            (None, Some(target)) => {
                let metadata = Arc::new(MetadataServer::new());
                let caller = with_quota_project(quota_project.as_ref(), metadata);
                let source = IamIdToken::from_client(target.client(caller));
                Ok(Arc::new(source))
            }
            (None, None) => Ok(Arc::new(MetadataServer::new())),
        }
    }

    async fn id_token(&self, cx: &Context, audience: &Audience) -> Result<IdToken, Error> {
        let configuration = |error| Error::new(Stage::Source, ErrorKind::Configuration, error);
        let (source, place) = self.source(cx).map_err(configuration)?;
        let error = match source.provide_id_token(cx, audience).await {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        if error.code() == Some("invalid_grant")
            && let Some(chosen) = self.chosen().as_mut()
        {
            chosen.is_refused = true;
        }
        Err(match (error.kind(), place) {
            (ErrorKind::NotConfigured, _) => {
                error.with_detail("credentials file", &place::looked(cx.environment()))
            }
            (_, Place::Metadata) => error,
            (_, place) => error.with_detail("credentials file", &place.to_string()),
        })
    }

    fn chosen(&self) -> MutexGuard<'_, Option<Chosen>> {
        self.chosen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ProvideIdToken for ApplicationDefault {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.id_token(cx, audience))
    }

    fn reject(&self, token: &IdToken) {
        let source = self.chosen().as_ref().map(|it| it.source.clone());
        if let Some(source) = source {
            source.reject(token);
        }
    }

    fn identity<'a>(
        &'a self,
        cx: &'a Context,
        across_machines: bool,
    ) -> future::ProvideIdentity<'a> {
        future::ProvideIdentity::new(async move {
            match self.source(cx) {
                Ok((source, _)) => source.identity(cx, across_machines).await,
                // The exchange reports it.
                Err(_) => Ok(None),
            }
        })
    }

    /// A file that is there, or that the environment names, must be usable.
    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.source(cx).map(drop)
    }
}

/// The access tokens of what is found, also when an account is to be impersonated.
impl ProvideAccessToken for ApplicationDefault {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(async move {
            let place = self.found(cx).place;
            let access: Arc<dyn ProvideAccessToken> = match (&self.given, &place) {
                (Some(given), _) => given.access(),
                (None, Place::File { .. }) => {
                    let read = off_runtime(move || place.read()).await;
                    let read = read.map_err(|error| {
                        Error::new(Stage::Source, ErrorKind::Unavailable, error)
                    })?;
                    let configuration =
                        |error| Error::new(Stage::Source, ErrorKind::Configuration, error);
                    read.map_err(configuration)?.access()
                }
                (None, Place::Given | Place::Metadata) => Arc::new(MetadataServer::new()),
            };
            access.provide_access_token(cx, scope).await
        })
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests;
