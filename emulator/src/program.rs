//! The program: starts the servers as its arguments say, and runs until a signal.

mod arguments;
mod json;
mod s3;

use arguments::{Arguments, Parsed};
use aws_google_web_identity_emulator::{Call, DEFAULT_ROLE_ARN, Emulator, EmulatorBuilder, Role};
use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

/// The exit status for invalid arguments.
const USAGE_ERROR: u8 = 2;

pub async fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args().skip(1)) {
        Ok(Parsed::Help) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Ok(Parsed::Run(arguments)) => arguments,
        Err(problem) => {
            fail_eval();
            eprintln!("error: {problem}\nSee --help.");
            return ExitCode::from(USAGE_ERROR);
        }
    };
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !arguments.json {
                fail_eval();
            }
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The status of a program in the background reaches no shell: `eval "$(program &)"` fails if the
/// output does.
fn fail_eval() {
    let _ = writeln!(std::io::stdout(), "false");
}

async fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if arguments.json {
        return json::run(arguments, configured(arguments, json::builder())?).await;
    }
    let builder = configured(arguments, Emulator::builder())?;
    let emulator = builder.start().await?;
    let s3 = s3::start(arguments, &emulator)?;
    let mut lines = String::new();
    for (name, value) in environment(&emulator, s3.as_ref()) {
        lines += &format!("export {name}={}\n", quoted(&value));
    }
    lines += &format!("export EMULATOR_PID={}\n", std::process::id());
    lines += "# Running until SIGINT or SIGTERM.\n";
    let mut stdout = std::io::stdout();
    stdout.write_all(lines.as_bytes())?;
    stdout.flush()?;
    close_stdout()?;
    stopped().await?;
    Ok(())
}

/// The environment of a program that uses the servers.
fn environment(emulator: &Emulator, s3: Option<&s3::S3>) -> Vec<(String, String)> {
    let mut environment = emulator.env();
    environment.extend(s3.map(|s3| ("AWS_ENDPOINT_URL_S3".to_owned(), s3.endpoint())));
    environment
}

/// Ends the output, for which `$(…)` of a shell waits: `eval "$(program &)"` goes on and leaves
/// the program running.
fn close_stdout() -> std::io::Result<()> {
    #[cfg(unix)]
    rustix::stdio::dup2_stdout(std::fs::File::options().write(true).open("/dev/null")?)?;
    Ok(())
}

fn configured(
    arguments: &Arguments,
    mut builder: EmulatorBuilder,
) -> Result<EmulatorBuilder, Box<dyn Error>> {
    for (call, port) in &arguments.ports {
        builder = builder.port(*call, *port);
    }
    if let Some(audience) = &arguments.audience {
        builder = builder.audience(audience);
    }
    if let Some(uri) = &arguments.token_uri {
        builder = builder.token_uri(uri);
    }
    let role = arguments.role.as_deref().unwrap_or(DEFAULT_ROLE_ARN);
    match &arguments.trust_policy {
        None => Ok(builder.role_arn(role)),
        Some(path) => {
            let policy = std::fs::read_to_string(path)
                .map_err(|error| format!("--trust-policy {}: {error}", path.display()))?;
            let role = Role::new(role)
                .trust_policy(policy)
                .max_session_length(Duration::from_secs(43_200));
            Ok(builder.role(role))
        }
    }
}

/// The text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Waits for SIGINT or SIGTERM; elsewhere than on Unix for Ctrl-C.
async fn stopped() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// The servers, by the names of their `--NAME-port` arguments, each with one of its calls.
const SERVERS: [(&str, Call); 6] = [
    ("--metadata-port", Call::MetadataIdentity),
    ("--token-port", Call::TokenEndpoint),
    ("--iam-port", Call::SignJwt),
    ("--jwks-port", Call::Jwks),
    ("--kms-port", Call::KmsEncrypt),
    ("--sts-port", Call::Sts),
];

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_quote_cannot_end_the_word() {
        assert_eq!(quoted("a'b $c"), r"'a'\''b $c'");
    }
}
