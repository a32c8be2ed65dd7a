//! The command `aws-google-web-identity`: AWS credentials for any program with a Google identity.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod arguments;
mod cache;
mod clock;
mod credentials;
mod doctor;
mod endpoint;
mod events;
mod exec;
mod failure;
mod gcloud;
mod identity;
mod input;
mod json;
mod log;
mod private;
mod serve;
mod setup;
mod shown;
mod signals;
mod supply;
mod token;
mod trust_policy;

use arguments::{Arguments, Command, Options};
use clap::{CommandFactory as _, Parser as _};
use events::Events;
use failure::Failure;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let Arguments { options, command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return failure::of_usage(&error),
    };
    if let Command::Completions { shell } = &command {
        return completions(*shell).unwrap_or_else(|failure| failure.print());
    }
    let events = log::start(options.verbose, command.default_level());
    // One thread is enough for every subcommand, and a short process starts sooner without others.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(run(&options, command, events));
            // A blocking read of a dead network file system must not delay the end.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Failure::io("starting", &error)),
    };
    ended.unwrap_or_else(|failure| failure.print())
}

async fn run(
    options: &Options,
    command: Command,
    events: Arc<Events>,
) -> Result<ExitCode, Failure> {
    match command {
        Command::Credentials => credentials::run(options).await,
        Command::Serve(arguments) => serve::run(options, &arguments, events).await,
        Command::Exec(arguments) => exec::run(options, &arguments, events).await,
        Command::Token(arguments) => token::run(options, &arguments).await,
        Command::Doctor(arguments) => doctor::run(options, &arguments).await,
        Command::TrustPolicy(arguments) => trust_policy::run(options, &arguments).await,
        Command::Completions { shell } => completions(shell),
    }
}

fn completions(shell: clap_complete::Shell) -> Result<ExitCode, Failure> {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    failure::print_out(&script)?;
    Ok(ExitCode::SUCCESS)
}
