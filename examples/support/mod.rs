//! Shared by the examples: variables, logs and errors on stderr, an S3 client, and one S3 call.

#![allow(dead_code, reason = "each example uses some of it")]

use aws_google_web_identity::GoogleWebIdentityProvider;
use std::error::Error;
use std::process::ExitCode;

/// A variable of the environment. An empty one counts as not set.
pub fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that the example needs; `meaning` says what to set.
pub fn required_var(name: &str, meaning: &str) -> Result<String, String> {
    var(name).ok_or_else(|| format!("{name} is not set: {meaning}"))
}

/// A number in a variable, or the default.
pub fn number(name: &str, default: usize) -> Result<usize, String> {
    match var(name) {
        Some(text) => text
            .parse()
            .map_err(|error| format!("{name}: {text:?}: {error}")),
        None => Ok(default),
    }
}

/// Logs to stderr what `RUST_LOG` selects. Stdout is for the answer.
pub fn logs() {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
}

/// An S3 client that signs with this provider. Region and endpoints come from the SDK's variables.
pub async fn s3_client(provider: GoogleWebIdentityProvider) -> aws_sdk_s3::Client {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .credentials_provider(provider)
        .load()
        .await;
    // Few servers other than AWS's have a host name for each bucket.
    let own_endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .iter()
        .any(|name| var(name).is_some());
    aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(own_endpoint)
            .build(),
    )
}

/// Lists the buckets and prints `{"token": {claims}, "output": [names]}`.
pub async fn print_buckets(provider: GoogleWebIdentityProvider) -> Result<(), Box<dyn Error>> {
    let token = provider.id_token().await?;
    let answer = s3_client(provider).await.list_buckets().send().await?;
    let names: Vec<_> = answer
        .buckets()
        .iter()
        .filter_map(|bucket| bucket.name())
        .collect();
    println!(
        "{}",
        serde_json::json!({ "token": token.claims(), "output": names })
    );
    Ok(())
}

/// Prints an error and returns exit status 1.
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    print_error(&*error);
    ExitCode::FAILURE
}

/// Prints an error and its sources to stderr, outermost first. `{:#}` is the full explanation of an
/// error of this crate.
pub fn print_error(error: &dyn Error) {
    eprintln!("error: {error:#}");
    for source in std::iter::successors(error.source(), |&error| error.source()) {
        eprintln!("  caused by: {source:#}");
    }
}
