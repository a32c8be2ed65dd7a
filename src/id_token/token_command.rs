//! A token that a program prints.

use super::{IdToken, MAX_TOKEN, ProvideIdToken};
use crate::names::shown;
use crate::{Audience, Context, Error, ErrorKind, Stage, future};
use aws_smithy_async::rt::sleep::AsyncSleep;
use std::ffi::OsString;
use std::fmt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use zeroize::Zeroizing;

/// `gcloud` needs 1 s to 2 s; an exchange has 15 s.
const TIME_LIMIT: Duration = Duration::from_secs(10);
/// So much of stderr is shown: the beginning says what is wrong.
const SHOWN: u64 = 1000;

/// An ID token that a program prints on its standard output, such as
/// `gcloud auth print-identity-token --audiences=…`.
///
/// The program is started with these arguments as they are, without a shell, for every exchange; it has nothing on
/// its standard input and inherits the environment. What it prints on standard error is part of the error when it
/// fails, but for JWTs. It is killed when it takes longer than 10 s or when nobody waits for it any more.
///
/// A program that can't be started is [`ErrorKind::Configuration`], one that fails [`ErrorKind::Unavailable`], one that takes
/// too long [`ErrorKind::Timeout`], one that prints something else [`ErrorKind::MalformedResponse`].
///
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
    program: OsString,
    args: Vec<OsString>,
    time_limit: Duration,
}

impl TokenCommand {
    /// Runs this program, looked up on the `PATH` if it is a bare name.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            time_limit: TIME_LIMIT,
        }
    }

    /// Its arguments, each passed as it is. `Debug` doesn't show them, since one may be a secret.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// How long it may take; 10 s by default. The deadline of the exchange, 15 s by default, ends it too.
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    async fn token(&self, cx: &Context) -> Result<IdToken, Error> {
        let name = shown(&self.program.to_string_lossy());
        let failed = |kind, what: String| {
            Error::message(Stage::Source, kind, format!("the command {name} {what}"))
        };
        let mut child = Command::new(&self.program)
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                failed(ErrorKind::Configuration, "can't be started".to_owned())
                    .with_source(error)
                    .with_hint("is it installed, executable, and on the PATH of this program?")
            })?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let run = async {
            tokio::try_join!(
                child.wait(),
                head(stdout, MAX_TOKEN as u64 + 1024),
                head(stderr, SHOWN),
            )
        };
        let (status, stdout, stderr): (ExitStatus, _, _) = tokio::select! {
            biased;
            ended = run => ended.map_err(|error| {
                failed(ErrorKind::Unavailable, "can't be followed".to_owned()).with_source(error)
            })?,
            () = cx.sleep().sleep(self.time_limit) => {
                return Err(failed(
                    ErrorKind::Timeout,
                    format!("printed no token within {} s and was killed", self.time_limit.as_secs_f32()),
                ));
            }
        };
        let said = match without_jwts(&String::from_utf8_lossy(&stderr)) {
            said if said.is_empty() => "it printed nothing on standard error".to_owned(),
            said => format!("it printed {}", shown(&said)),
        };
        if !status.success() {
            return Err(
                failed(ErrorKind::Unavailable, format!("ended with {status}")).with_hint(said),
            );
        }
        let text = std::str::from_utf8(&stdout).unwrap_or_default();
        IdToken::parse(text).map_err(|error| {
            error.and_hint(&format!(
                "standard output of the command {name} must be the token and nothing else; {said}"
            ))
        })
    }
}

/// The beginning of what a pipe brings; the rest is read and dropped, so that the program can end.
async fn head(
    pipe: Option<impl AsyncRead + Unpin>,
    limit: u64,
) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(limit).unwrap_or_default(),
    ));
    if let Some(mut pipe) = pipe {
        (&mut pipe).take(limit).read_to_end(&mut bytes).await?;
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(bytes)
}

/// The text with every JWT in it left out.
fn without_jwts(text: &str) -> String {
    let is_of_a_jwt = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
    let mut kept = String::new();
    let mut rest = text.trim();
    while let Some(at) = rest.find("eyJ") {
        kept += &rest[..at];
        rest = rest[at..].trim_start_matches(is_of_a_jwt);
        kept += "<JWT>";
    }
    kept + rest
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
