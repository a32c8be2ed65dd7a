//! A token that a program prints.

use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::file::text;
use crate::names::Audience;
use crate::redact::{ShownPath, said, without_tokens};
use crate::token::{IdToken, MAX_TOKEN, ProvideIdToken, future};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

/// `gcloud` needs 1 s to 2 s; an exchange has 15 s.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// Once the program has ended, its output is already in the pipes. A program that it started and
/// left running may hold them open, so their end isn't waited for longer.
const LINGER: Duration = Duration::from_secs(1);
/// This much of stderr is read, and half of it shown: the beginning says what is wrong.
const SHOWN: u64 = 1000;

/// An ID token that a program prints on its standard output, such as
/// `gcloud auth print-identity-token --audiences=…`.
///
/// The program starts for every exchange, with these arguments as they are and without a shell. Its
/// standard input is empty, and it inherits the environment. What it prints on standard error
/// becomes part of the error when it fails, except for JWTs. It is killed when it takes longer than
/// 10 s, or when no caller waits any more. Programs that it started itself are not killed, so a
/// shell should `exec` the last one.
///
/// # Errors
/// A program that can't be started is [`ErrorKind::Configuration`], or [`ErrorKind::Unavailable`]
/// when the system lacks resources or the program's file is being written. A program that fails is
/// [`ErrorKind::Unavailable`], one that takes too long [`ErrorKind::Timeout`], and one that prints
/// something other than a token [`ErrorKind::MalformedResponse`].
///
/// # Example
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_google_web_identity::{GoogleWebIdentityProvider, TokenCommand};
///
/// let audience = "https://myservice.example.com";
/// let provider = GoogleWebIdentityProvider::builder("arn:aws:iam::123456789012:role/demo")
///     .audience(audience)
///     .token_source(TokenCommand::new("print-token").args(["--audience", audience]))
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenCommand {
    program: ShownPath,
    args: Vec<OsString>,
    time_limit: Duration,
}

impl TokenCommand {
    /// Runs this program; a bare name is looked up on the `PATH`.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: ShownPath::new(program.into()),
            args: Vec::new(),
            time_limit: TIME_LIMIT,
        }
    }

    /// Adds arguments, each passed as it is. `Debug` doesn't show them: one may be a secret.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets how long the program may take; 10 s by default. The deadline of the exchange, 15 s by
    /// default, ends it as well.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    async fn token(&self, cx: &Context) -> Result<IdToken, Error> {
        let name = &self.program;
        let failed = |kind, what: String| {
            Error::from_message(Stage::Source, kind, format!("the command {name} {what}"))
        };
        let mut child = Command::new(self.program.as_path())
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                let (kind, hint) = start_failure(&error);
                failed(kind, "can't be started".to_owned())
                    .with_source(error)
                    .with_hint(hint)
            })?;
        let mut stdout = Zeroizing::new(Vec::with_capacity(MAX_TOKEN + 1024));
        let mut stderr = Vec::with_capacity(SHOWN as usize);
        let status = tokio::select! {
            biased;
            ended = end(cx, &mut child, &mut stdout, &mut stderr) => ended.map_err(|error| {
                failed(ErrorKind::Unavailable, "could not be monitored".to_owned()).with_source(error)
            })?,
            () = cx.clocks().sleep(self.time_limit) => {
                return Err(failed(
                    ErrorKind::Timeout,
                    format!("printed no token within {} s and was killed", self.time_limit.as_secs_f32()),
                ));
            }
        };
        let said = match said(&without_tokens(&String::from_utf8_lossy(&stderr))) {
            said if said.is_empty() => "it printed nothing on standard error".to_owned(),
            said => format!("it printed: {said}"),
        };
        if !status.success() {
            return Err(
                failed(ErrorKind::Unavailable, format!("ended with {status}")).with_hint(said),
            );
        }
        let hint = format!(
            "standard output of the command {name} must be the token and nothing else; {said}"
        );
        if let Some(encoding) = text::odd_encoding(&stdout) {
            let kind = ErrorKind::MalformedResponse;
            return Err(failed(kind, format!("printed what {encoding}")).with_hint(hint));
        }
        let text = std::str::from_utf8(&stdout).unwrap_or_default();
        IdToken::parse(text).map_err(|error| error.and_hint(&hint))
    }
}

/// Whether starting the program may work later, and what to do.
fn start_failure(error: &io::Error) -> (ErrorKind, &'static str) {
    // ENFILE and EMFILE, which have no kind of their own.
    let lacks_files = cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24));
    match error.kind() {
        io::ErrorKind::ExecutableFileBusy => (
            ErrorKind::Unavailable,
            "the program's file is being written: replace it by renaming",
        ),
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => (
            ErrorKind::Unavailable,
            "the system lacks memory, or the limit of processes is reached",
        ),
        _ if lacks_files => (
            ErrorKind::Unavailable,
            "too many files are open: raise the limit (ulimit -n)",
        ),
        _ => (
            ErrorKind::Configuration,
            "is it installed, executable, and on the PATH of this program?",
        ),
    }
}

/// Waits for the program's end and its output.
async fn end(
    cx: &Context,
    child: &mut Child,
    stdout: &mut Vec<u8>,
    stderr: &mut Vec<u8>,
) -> io::Result<ExitStatus> {
    let (stdout_pipe, stderr_pipe) = (child.stdout.take(), child.stderr.take());
    let mut printed = pin!(async {
        tokio::try_join!(
            head(stdout_pipe, MAX_TOKEN as u64 + 1024, stdout),
            head(stderr_pipe, SHOWN, stderr),
        )
    });
    tokio::select! {
        biased;
        printed = &mut printed => {
            printed?;
            child.wait().await
        }
        ended = child.wait() => {
            tokio::select! {
                biased;
                printed = &mut printed => { printed?; }
                () = cx.clocks().sleep(LINGER) => {}
            }
            ended
        }
    }
}

/// Reads the beginning of a pipe's output into `bytes`. The rest is read and dropped: a full pipe
/// would keep the program from ending.
async fn head(
    pipe: Option<impl AsyncRead + Unpin>,
    limit: u64,
    bytes: &mut Vec<u8>,
) -> io::Result<()> {
    if let Some(mut pipe) = pipe {
        let mut beginning = (&mut pipe).take(limit);
        while beginning.read_buf(bytes).await? > 0 {}
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(())
}

impl ProvideIdToken for TokenCommand {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        _: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.token(cx))
    }
}

impl fmt::Debug for TokenCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCommand")
            .field("program", &self.program)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
