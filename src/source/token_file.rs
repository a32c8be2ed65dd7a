//! A token that somebody else keeps fresh in a file.

use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::names::Audience;
use crate::redact;
use crate::token::{IdToken, MAX_TOKEN, ProvideIdToken, future};
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// An ID token in a file that another program keeps fresh, as a sidecar or a projected volume does.
///
/// It is read for every exchange, so that a new token needs no restart; white space around it is trimmed. It must
/// be for the provider's audience.
///
/// A file that isn't there is [`ErrorKind::Unavailable`], one that may not be read [`ErrorKind::Configuration`], one without
/// a token, or with more, [`ErrorKind::MalformedResponse`].
///
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
#[derive(Clone)]
pub struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// Reads the token from this file, when it is asked for one.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    async fn token(&self) -> Result<IdToken, Error> {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || read(&path)).await;
        let name = redact::path(&self.path);
        let text = match read {
            Ok(Ok(text)) => text,
            Ok(Err(error)) => {
                let (kind, next) = match error.kind() {
                    io::ErrorKind::PermissionDenied => {
                        (ErrorKind::Configuration, "this program may not read it")
                    }
                    io::ErrorKind::InvalidData => (
                        ErrorKind::MalformedResponse,
                        "it holds no text, or more than a token",
                    ),
                    _ => (
                        ErrorKind::Unavailable,
                        "is the program running that keeps it fresh?",
                    ),
                };
                let message = format!("the token file {name} can't be read");
                return Err(Error::from_message(Stage::Source, kind, message)
                    .with_source(error)
                    .with_hint(next));
            }
            Err(error) => {
                return Err(Error::new(Stage::Source, ErrorKind::Unavailable, error)
                    .with_detail("token file", &name));
            }
        };
        IdToken::parse(text.as_str()).map_err(|error| error.with_detail("token file", &name))
    }
}

/// The text of a file that is no longer than a token with white space around it.
fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    const MOST: usize = MAX_TOKEN + 1024;
    let mut text = Zeroizing::new(String::with_capacity(MOST + 1));
    std::fs::File::open(path)?
        .take(MOST as u64 + 1)
        .read_to_string(&mut text)?;
    match text.len() {
        ..=MOST => Ok(text),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("longer than the {MAX_TOKEN} characters that STS takes"),
        )),
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
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenFile")
            .field(&redact::path(&self.path))
            .finish()
    }
}
