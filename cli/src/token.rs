//! `token`: prints the ID token, or keeps it fresh in a file.

use crate::arguments::{Options, Token};
use crate::failure::{Failure, print_out};
use crate::shown::shown_path;
use crate::signals::Stop;
use crate::{clock, private, setup};
use aws_google_web_identity::{GoogleWebIdentityProvider, IdToken};
use aws_types::region::Region;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// A token is replaced at least this often.
const LONGEST: Duration = Duration::from_secs(30 * 60);
/// The pauses between attempts after a failure.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));
/// An ID token says nothing about a role, but the library's provider has one.
const ANY_ROLE: &str = "arn:aws:iam::000000000000:role/none";
const ANY_REGION: &str = "us-east-1";

pub(crate) async fn run(options: &Options, arguments: &Token) -> Result<ExitCode, Failure> {
    let builder = setup::builder(options)?
        .role_arn(ANY_ROLE)
        .region(Region::from_static(ANY_REGION));
    let provider = builder.build().await?;
    let Some(path) = &arguments.file else {
        let token = provider.id_token().await?;
        print_out(format!("{}\n", token.expose()).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    };
    if arguments.once {
        let token = provider.id_token().await?;
        write(path, &token)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut stop = Stop::new()?;
    tokio::select! {
        // Only a first token that cannot be had or written ends it.
        ended = keep_fresh(&provider, path, clock::sleep) => ended,
        () = stop.requested() => Ok(ExitCode::SUCCESS),
    }
}

/// The file stays when the program ends: the token in it is valid for an hour at most, and a
/// restart must not leave its readers without one.
async fn keep_fresh(
    provider: &GoogleWebIdentityProvider,
    path: &Path,
    sleep: impl AsyncFn(Duration),
) -> Result<ExitCode, Failure> {
    let mut token = provider.id_token().await?;
    write(path, &token)?;
    let mut failures = 0;
    loop {
        let pause = match failures {
            0 => until_next(&token),
            failures => after_failures(failures),
        };
        sleep(pause).await;
        let written = provider.id_token().await.map_err(Failure::from);
        match written.and_then(|fresh| {
            write(path, &fresh)?;
            Ok(fresh)
        }) {
            Ok(fresh) => (token, failures) = (fresh, 0),
            Err(failure) => {
                failures += 1;
                tracing::warn!(%failure, "the token file could not be refreshed; it is retried");
            }
        }
    }
}

fn write(path: &Path, token: &IdToken) -> Result<(), Failure> {
    let written = private::replace(path, token.expose().as_bytes());
    written.map_err(|error| Failure::io(&format!("--file {}", shown_path(path)), &error))?;
    let expires_at = crate::json::time(token.expires_at());
    tracing::info!(expires_at, "new ID token");
    Ok(())
}

/// Half of the token's remaining lifetime: a server may have handed out an old one.
fn until_next(token: &IdToken) -> Duration {
    let left = token.expires_at().duration_since(clock::now());
    (left.unwrap_or_default() / 2).clamp(RETRY.0, LONGEST)
}

fn after_failures(failures: u32) -> Duration {
    let doubled = RETRY.0.saturating_mul(2u32.saturating_pow(failures - 1));
    doubled.min(RETRY.1)
}

#[cfg(test)]
mod tests;
