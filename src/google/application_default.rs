//! Application Default Credentials: the environment says which source it is
//! ([how they are found](https://cloud.google.com/docs/authentication/application-default-credentials)).

pub(crate) mod adc_file;
mod authorized_user;
pub(crate) mod external_account;
pub(crate) mod quota_project;

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::application_default::quota_project::charged;
use crate::google::iam::IamIdToken;
use crate::google::metadata_server::MetadataServer;
use crate::names::Audience;
use crate::redact;
use crate::token::{IdToken, ProvideIdToken, future};
use adc_file::{File, Found};
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
const QUOTA_PROJECT: &str = "GOOGLE_CLOUD_QUOTA_PROJECT";

/// Looks at the environment at the first use and becomes the source that it finds; what a provider
/// uses when it is given none.
///
/// The order is that of Google's own libraries: the file that `GOOGLE_APPLICATION_CREDENTIALS`
/// names; gcloud's `application_default_credentials.json`, in `CLOUDSDK_CONFIG` or the user's
/// configuration; the metadata server. A file may be a `service_account`, an
/// `impersonated_service_account` or an `external_account` that names a service account; an
/// `authorized_user` or `external_account_authorized_user`, a person, needs [`impersonate`](Self::impersonate). A
/// `quota_project_id`, or `GOOGLE_CLOUD_QUOTA_PROJECT` in its place, is named to IAM, as Google's libraries do. A file
/// that changed is read again. `Debug` shows what was chosen.
#[derive(Clone, Debug, Default)]
pub struct ApplicationDefault {
    impersonate: Option<String>,
    chosen: Arc<Mutex<Option<Chosen>>>,
}

/// What was found, and the state of the file that it was found in.
#[derive(Clone, Debug)]
struct Chosen {
    place: Place,
    state: FileState,
    found: Found,
}

#[derive(Clone, PartialEq, Eq)]
enum Place {
    File {
        path: PathBuf,
        named_by: Option<&'static str>,
    },
    Metadata,
}

/// When it was written and how long it is: enough to see that it was replaced.
type FileState = Option<(SystemTime, u64)>;

impl ApplicationDefault {
    /// Looks nowhere yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Acts as this service account, whatever is found: the caller needs
    /// `roles/iam.serviceAccountOpenIdTokenCreator` on it.
    #[must_use]
    pub fn impersonate(mut self, email: impl Into<String>) -> Self {
        self.impersonate = Some(email.into());
        self
    }

    /// The source for now: what was chosen before, unless its file was replaced.
    fn source(&self, cx: &Context) -> Result<Arc<dyn ProvideIdToken>, BuildError> {
        let place = place(cx);
        let state = place.state();
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chosen) = chosen.as_ref().filter(|chosen| chosen.place == place)
            && chosen.state == state
        {
            return Ok(chosen.found.source.clone());
        }
        let quota_project = cx.environment().get(QUOTA_PROJECT);
        let read = self
            .read(&place, quota_project.as_deref())
            .and_then(|found| {
                found.source.check(cx)?;
                Ok(found)
            });
        match read {
            Ok(found) => {
                tracing::debug!(
                    %place,
                    r#type = found.r#type,
                    account = found.account,
                    "application default credentials"
                );
                let source = found.source.clone();
                *chosen = Some(Chosen {
                    place,
                    state,
                    found,
                });
                Ok(source)
            }
            // Being replaced at this moment, perhaps: what was read before may well be good.
            Err(error) => match chosen.as_ref().filter(|chosen| chosen.place == place) {
                Some(chosen) => {
                    tracing::warn!(%error, "the credentials file changed and can't be used; keeping what was read before");
                    Ok(chosen.found.source.clone())
                }
                None => Err(error),
            },
        }
    }

    fn read(&self, place: &Place, quota_project: Option<&str>) -> Result<Found, BuildError> {
        let impersonate = self.impersonate.as_deref();
        match place {
            Place::File { path, .. } => {
                let name = place.to_string();
                let json = crate::file::read(path).map_err(|error| {
                    BuildError::new(name.clone(), format!("can't be read: {}", error.kind()))
                        .with_source(error)
                })?;
                File {
                    name: &name,
                    json: &json,
                    impersonate,
                    quota_project,
                }
                .id_token_source()
            }
            Place::Metadata => {
                let source: Arc<dyn ProvideIdToken> = match impersonate {
                    Some(email) => {
                        let access = charged(quota_project, Arc::new(MetadataServer::new()));
                        Arc::new(IamIdToken::new(email, access))
                    }
                    None => Arc::new(MetadataServer::new()),
                };
                Ok(Found {
                    source,
                    r#type: "metadata server".to_owned(),
                    account: impersonate.map(str::to_owned),
                })
            }
        }
    }
}

impl Place {
    fn state(&self) -> FileState {
        match self {
            Place::File { path, .. } => {
                // A pipe can be read once.
                let metadata = std::fs::metadata(path).ok().filter(|it| it.is_file())?;
                Some((metadata.modified().ok()?, metadata.len()))
            }
            Place::Metadata => None,
        }
    }
}

/// As shown in messages: the path may turn out to be a secret.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File { path, named_by } => {
                f.write_str(&redact::path(path))?;
                match named_by {
                    Some(variable) => write!(f, " (named by {variable})"),
                    None => Ok(()),
                }
            }
            Place::Metadata => f.write_str("the metadata server"),
        }
    }
}

/// Where a file was looked for in vain.
fn looked(cx: &Context) -> String {
    let file = match gcloud_file(cx) {
        Some(path) => format!("{} is not there", redact::path(&path)),
        None => "neither CLOUDSDK_CONFIG nor HOME is set".to_owned(),
    };
    format!("{VARIABLE} is not set, and {file}")
}

fn place(cx: &Context) -> Place {
    if let Some(path) = cx.environment().path(VARIABLE) {
        return Place::File {
            path,
            named_by: Some(VARIABLE),
        };
    }
    match gcloud_file(cx) {
        Some(path) if path.exists() => Place::File {
            path,
            named_by: None,
        },
        _ => Place::Metadata,
    }
}

fn gcloud_file(cx: &Context) -> Option<PathBuf> {
    let environment = cx.environment();
    let directory = match environment.path("CLOUDSDK_CONFIG") {
        Some(directory) => directory,
        None if cfg!(windows) => environment.path("APPDATA")?.join("gcloud"),
        None => environment.home()?.join(".config/gcloud"),
    };
    Some(directory.join("application_default_credentials.json"))
}

impl ProvideIdToken for ApplicationDefault {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(async {
            let source = self
                .source(cx)
                .map_err(|error| Error::new(Stage::Source, ErrorKind::Configuration, error))?;
            source
                .provide_id_token(cx, audience)
                .await
                .map_err(|error| match (error.kind(), place(cx)) {
                    (ErrorKind::NotConfigured, _) => {
                        error.with_detail("credentials file", &looked(cx))
                    }
                    (_, place @ Place::File { .. }) => {
                        error.with_detail("credentials file", &place.to_string())
                    }
                    (_, Place::Metadata) => error,
                })
        })
    }

    fn reject(&self, token: &IdToken) {
        let chosen = self
            .chosen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(chosen) = chosen {
            chosen.found.source.reject(token);
        }
    }

    /// A file that is there, or that the environment names, must be one that can be used.
    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.source(cx).map(drop)
    }
}
