//! Where the credentials are.

use crate::build_error::BuildError;
use crate::environment::Environment;
use crate::file::{self, FileState};
use crate::google::application_default::adc_file::CredentialsFile;
use crate::redact::ShownPath;
use std::fmt;

const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
const FILE_NAME: &str = "application_default_credentials.json";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    File {
        path: ShownPath,
        named_by: Option<&'static str>,
    },
    /// The contents were given to `from_json`.
    Given,
    Metadata,
}

/// Names the place of [`Place::of_path`] in messages.
const FROM_FILE: &str = "ApplicationDefault::from_file";

impl Place {
    /// The file that `from_file` was given.
    pub(super) fn of_path(path: ShownPath) -> Self {
        Self::File {
            path,
            named_by: Some(FROM_FILE),
        }
    }

    pub(super) fn find(environment: &Environment) -> Self {
        if let Some(path) = environment.path(VARIABLE) {
            return Self::File {
                path: ShownPath::new(path),
                named_by: Some(VARIABLE),
            };
        }
        match gcloud_file(environment) {
            Some(path) if path.as_path().exists() => Self::File {
                path,
                named_by: None,
            },
            _ => Self::Metadata,
        }
    }

    /// The state of the file, if this is one.
    pub(super) fn state(&self) -> Option<FileState> {
        match self {
            Self::File { path, .. } => FileState::of(path.as_path()),
            Self::Given | Self::Metadata => None,
        }
    }

    /// Reads and parses the file.
    pub(super) fn read(&self) -> Result<CredentialsFile, BuildError> {
        let name = self.to_string();
        let Self::File { path, named_by } = self else {
            return Err(BuildError::new(name, "is no file"));
        };
        if let Some(kind) = path.secret_kind() {
            return Err(BuildError::new(
                named_by.unwrap_or(FILE_NAME),
                format!(
                    "holds {kind} (not shown), and the path of a file is expected; contents are for \
                     ApplicationDefault::from_json, or LocalKey::from_json for a key"
                ),
            ));
        }
        let bytes = file::read(path.as_path()).map_err(|error| {
            BuildError::new(name.clone(), file::explain(&error)).with_source(error)
        })?;
        CredentialsFile::parse(&name, &bytes)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, named_by } => {
                write!(f, "{path}")?;
                match named_by {
                    Some(variable) => write!(f, " (named by {variable})"),
                    None => Ok(()),
                }
            }
            Self::Given => f.write_str("ApplicationDefault::from_json"),
            Self::Metadata => f.write_str("the metadata server"),
        }
    }
}

/// Where no file was found.
pub(super) fn looked(environment: &Environment) -> String {
    let file = match gcloud_file(environment) {
        Some(path) => format!("{path} is not there"),
        None => "neither CLOUDSDK_CONFIG nor HOME is set".to_owned(),
    };
    format!("{VARIABLE} is not set, and {file}")
}

fn gcloud_file(environment: &Environment) -> Option<ShownPath> {
    let directory = match environment.path("CLOUDSDK_CONFIG") {
        Some(directory) => directory,
        None if cfg!(windows) => environment.path("APPDATA")?.join("gcloud"),
        None => environment.home()?.join(".config/gcloud"),
    };
    Some(ShownPath::new(directory.join(FILE_NAME)))
}
