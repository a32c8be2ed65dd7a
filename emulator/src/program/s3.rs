//! `--s3`: an S3 beside the other servers.

use super::arguments::Arguments;
use aws_google_web_identity_emulator::Emulator;
use std::error::Error;

/// A running S3, and its directory if that is a temporary one.
#[cfg(feature = "s3")]
pub(super) struct S3 {
    server: aws_google_web_identity_emulator::S3,
    _temporary: Option<tempfile::TempDir>,
}

#[cfg(feature = "s3")]
impl S3 {
    pub(super) fn endpoint(&self) -> String {
        self.server.endpoint()
    }
}

/// Starts it, if the arguments ask for it.
#[cfg(feature = "s3")]
pub(super) fn start(
    arguments: &Arguments,
    emulator: &Emulator,
) -> Result<Option<S3>, Box<dyn Error>> {
    let Some(directory) = &arguments.s3 else {
        return Ok(None);
    };
    let (directory, temporary) = match directory {
        Some(directory) => (directory.clone(), None),
        None => {
            let temporary = tempfile::tempdir()?;
            // A list of buckets that is empty would look like a failure.
            std::fs::create_dir(temporary.path().join("demo-bucket"))?;
            (temporary.path().to_owned(), Some(temporary))
        }
    };
    let server = emulator
        .serve_s3(&directory, arguments.s3_port)
        .map_err(|error| format!("--s3 {}: {error}", directory.display()))?;
    Ok(Some(S3 {
        server,
        _temporary: temporary,
    }))
}

#[cfg(not(feature = "s3"))]
pub(super) enum S3 {}

#[cfg(not(feature = "s3"))]
impl S3 {
    pub(super) fn endpoint(&self) -> String {
        match *self {}
    }
}

#[cfg(not(feature = "s3"))]
pub(super) fn start(arguments: &Arguments, _: &Emulator) -> Result<Option<S3>, Box<dyn Error>> {
    match arguments.s3 {
        None => Ok(None),
        Some(_) => Err(
            "this program was built without S3: build it with the feature s3, as in \
                        cargo run -p aws-google-web-identity-emulator --features s3 -- --s3"
                .into(),
        ),
    }
}
