//! `serve`: the container credentials endpoint, until a signal.

use crate::arguments::{Options, Serve};
use crate::endpoint::{self, Authorization, Endpoint};
use crate::events::Events;
use crate::failure::{Failure, print_out};
use crate::private::{self, PrivateDir};
use crate::shown::shown_path;
use crate::signals::Stop;
use crate::supply::Supply;
use crate::{cache, setup};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::{fs, io};

/// The name of the token file in a directory of its own.
pub(crate) const TOKEN_FILE: &str = "authorization-token";

pub(crate) async fn run(
    options: &Options,
    arguments: &Serve,
    events: Arc<Events>,
) -> Result<ExitCode, Failure> {
    // Before anything else: without a handler, a process with id 1 ignores signals, and the token
    // file must go.
    let mut stop = Stop::new()?;
    tokio::select! {
        ended = serve(options, arguments, events) => ended,
        () = stop.requested() => Ok(ExitCode::SUCCESS),
    }
}

async fn serve(
    options: &Options,
    arguments: &Serve,
    events: Arc<Events>,
) -> Result<ExitCode, Failure> {
    // What is wrong with the arguments is said before anybody is asked.
    endpoint::resolve(&arguments.listen, arguments.allow_remote).await?;
    if let Some(path) = &arguments.authorization_token_file {
        private::check_directory(path).map_err(|error| {
            let doing = format!("--authorization-token-file {}", shown_path(path));
            Failure::io(&doing, &error)
                .with_explanation("its directory must exist: make or mount it")
        })?;
    }
    let supply = start(options).await?;
    let authorization =
        Authorization::random().map_err(|error| Failure::io("the authorization token", &error))?;
    let endpoint = Endpoint::listen(
        &arguments.listen,
        arguments.allow_remote,
        authorization.clone(),
        supply.clone(),
        events.clone(),
    )
    .await?;
    let path = arguments.authorization_token_file.as_deref();
    // Removes the file when a signal drops this future.
    let file = TokenFile::write(path, &authorization)?;
    let lines = format!(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI={}\nAWS_CONTAINER_AUTHORIZATION_TOKEN_FILE={}\n",
        endpoint.uri(),
        file.path.display(),
    );
    print_out(lines.as_bytes())?;
    tokio::select! {
        () = endpoint.serve() => {}
        () = supply.watch(|| events.changed()) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// A supply that holds credentials and refreshes them in the background.
pub(crate) async fn start(options: &Options) -> Result<Arc<Supply>, Failure> {
    let policy = setup::refresh_policy(options).keep_warm(true);
    let builder = setup::builder(options)?.refresh_policy(policy);
    let provider = cache::cached(builder, options).await?.build().await?;
    Ok(Supply::start(provider).await?)
}

/// The file with the authorization token, removed when dropped.
struct TokenFile {
    path: PathBuf,
    token: Authorization,
    /// Its directory, when it has one of its own.
    _directory: Option<PrivateDir>,
}

impl TokenFile {
    fn write(path: Option<&Path>, token: &Authorization) -> Result<Self, Failure> {
        let (path, directory) = match path {
            Some(path) => {
                let written = std::path::absolute(path).and_then(|path| {
                    private::replace(&path, token.expose().as_bytes())?;
                    Ok(path)
                });
                let path = written.map_err(|error| {
                    let doing = format!("--authorization-token-file {}", shown_path(path));
                    Failure::io(&doing, &error)
                })?;
                (path, None)
            }
            None => {
                let written = PrivateDir::create().and_then(|directory| {
                    let path = directory.write(TOKEN_FILE, token.expose().as_bytes())?;
                    Ok((path, Some(directory)))
                });
                written.map_err(|error| {
                    Failure::io("the authorization token's file", &error).with_explanation(
                        "it is in a new directory below XDG_RUNTIME_DIR, or else TMPDIR or /tmp; \
                         --authorization-token-file names another place",
                    )
                })?
            }
        };
        Ok(Self {
            path,
            token: token.clone(),
            _directory: directory,
        })
    }

    /// Whether the file still is this process's: another one may have been started for the same
    /// path.
    fn is_own(&self) -> io::Result<bool> {
        Ok(fs::read(&self.path)? == self.token.expose().as_bytes())
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        if self.is_own().unwrap_or_default() {
            // Nobody can be told any more.
            let _ = fs::remove_file(&self.path);
        }
    }
}
