//! `exec`: runs a command with an endpoint of its own.

mod environment;
mod profile;
mod relay;

use crate::arguments::{Exec, Options};
use crate::endpoint::{Authorization, Endpoint};
use crate::events::Events;
use crate::failure::Failure;
use crate::private::PrivateDir;
use crate::serve::{self, TOKEN_FILE};
use relay::Relay;
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::sync::Arc;
use tokio::process::Command;

/// A shell's exit statuses.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
const BY_SIGNAL: i32 = 128;

const ANY_PORT: &str = "127.0.0.1:0";

pub(crate) async fn run(
    options: &Options,
    arguments: &Exec,
    events: Arc<Events>,
) -> Result<ExitCode, Failure> {
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err(Failure::usage("exec needs a command"));
    };
    // While there is no command yet, a signal ends this process as by default.
    let supply = serve::start(options).await?;
    let private = |error| {
        Failure::io("the authorization token's file", &error).with_explanation(
            "it is in a new directory below XDG_RUNTIME_DIR, or else TMPDIR or /tmp",
        )
    };
    let authorization = Authorization::random().map_err(private)?;
    let token = authorization.expose().to_owned();
    let endpoint = Endpoint::listen(
        ANY_PORT,
        false,
        authorization,
        supply.clone(),
        events.clone(),
    )
    .await?;
    // From here on no signal ends this process, so the directory is removed in every case but
    // SIGKILL.
    let mut relay = Relay::new()?;
    let directory = PrivateDir::create().map_err(private)?;
    let token_file = directory
        .write(TOKEN_FILE, token.as_bytes())
        .map_err(private)?;
    let mut command = Command::new(program);
    command.args(rest);
    environment::set(&mut command, &endpoint.uri(), &token_file, &directory)?;
    let mut child = command
        .spawn()
        .map_err(|error| cannot_run(program, &error))?;
    let (endpoint, watch) = (endpoint.serve(), supply.watch(|| events.changed()));
    let (mut endpoint, mut watch) = (std::pin::pin!(endpoint), std::pin::pin!(watch));
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            signal = relay.next() => relay.pass_on(signal, child.id()),
            () = &mut endpoint => {}
            () = &mut watch => {}
        }
    };
    let status = status.map_err(|error| Failure::io("waiting for the command", &error))?;
    Ok(exit_code(status))
}

/// The command's own status, as a shell has it.
fn exit_code(status: ExitStatus) -> ExitCode {
    let by_signal = || status.signal().map(|signal| BY_SIGNAL + signal);
    let code = status.code().or_else(by_signal).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

fn cannot_run(program: &OsStr, error: &io::Error) -> Failure {
    let name = program.to_string_lossy();
    // A script whose interpreter is missing exists, but the system says that it is not found.
    let is_missing = error.kind() == io::ErrorKind::NotFound && !exists(program);
    match is_missing {
        true => Failure::new(format!("{name}: command not found")).with_status(NOT_FOUND),
        false => Failure::io(&name, error).with_status(NOT_EXECUTABLE),
    }
}

fn exists(program: &OsStr) -> bool {
    let path = Path::new(program);
    if path.components().count() > 1 {
        return path.exists();
    }
    let search = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&search).any(|directory| directory.join(path).exists())
}
