//! A token that another program keeps fresh in a file.

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::file::{self, text};
use crate::names::Audience;
use crate::redact::ShownPath;
use crate::token::{IdToken, Identity, ProvideIdToken, future};
use std::io;
use std::path::PathBuf;

/// An ID token in a file that another program keeps fresh, such as a sidecar or a projected volume.
///
/// The file is read for every exchange, so a new token needs no restart. White space and a byte
/// order mark around the token are skipped. The token must be for the provider's audience.
///
/// # Errors
/// A file that isn't there is [`ErrorKind::Unavailable`]. One that may not be read, or isn't a
/// regular file, is [`ErrorKind::Configuration`]. One without a token, or with more than a token,
/// is [`ErrorKind::MalformedResponse`].
///
/// # Example
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_google_web_identity::{GoogleWebIdentityProvider, TokenFile};
///
/// let provider = GoogleWebIdentityProvider::builder("arn:aws:iam::123456789012:role/demo")
///     .audience("https://myservice.example.com")
///     .token_source(TokenFile::new("/var/run/secrets/google/token"))
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TokenFile {
    path: ShownPath,
}

impl TokenFile {
    /// Reads the token from this file each time a token is needed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: ShownPath::new(path),
        }
    }

    /// Refuses a token in place of its path.
    fn check_path(&self) -> Result<(), BuildError> {
        match self.path.secret_kind() {
            None => Ok(()),
            Some(kind) => Err(BuildError::new(
                "TokenFile::new",
                format!(
                    "was given {kind} (not shown), and the path of a file with the token is expected; \
                     a token itself is for TokenFn, a credentials file's contents for \
                     ApplicationDefault::from_json or LocalKey::from_json"
                ),
            )),
        }
    }

    async fn token(&self) -> Result<IdToken, Error> {
        self.check_path()
            .map_err(|error| Error::new(Stage::Source, ErrorKind::Configuration, error))?;
        let path = self.path.clone();
        let read = file::off_runtime(move || file::read(path.as_path())).await;
        let bytes = read.and_then(|read| read).map_err(|error| {
            let next = match error.kind() {
                io::ErrorKind::PermissionDenied => "this program's user may not read it",
                io::ErrorKind::InvalidInput => "it is a directory, a device or a named pipe",
                io::ErrorKind::InvalidData => "it holds more than a token",
                _ => "is the program that keeps it fresh running?",
            };
            let kind = file::error_kind(&error);
            self.named(Error::new(Stage::Source, kind, error).with_hint(next))
        })?;
        let token = match text::odd_encoding(&bytes) {
            Some(encoding) => Err(format!("its content {encoding}")),
            None => std::str::from_utf8(&bytes).map_err(|_| "it holds no text".to_owned()),
        };
        let token = token.map_err(|what| {
            self.named(Error::from_message(
                Stage::Source,
                ErrorKind::MalformedResponse,
                what,
            ))
        })?;
        IdToken::parse(token).map_err(|error| self.named(error))
    }

    fn named(&self, error: Error) -> Error {
        error.with_detail("token file", &self.path.to_string())
    }
}

impl ProvideIdToken for TokenFile {
    fn provide_id_token<'a>(
        &'a self,
        _: &'a Context,
        _: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.token())
    }

    /// Reads the file, which needs no server.
    fn identity<'a>(&'a self, _: &'a Context, _: bool) -> future::ProvideIdentity<'a> {
        future::ProvideIdentity::new(async {
            let token = self.token().await?;
            Ok(Some(Identity::of_claims(token.claims())))
        })
    }

    fn check(&self, _: &Context) -> Result<(), BuildError> {
        self.check_path()
    }
}
