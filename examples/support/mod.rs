//! What the examples share: logs and errors on stderr, an S3 client, and one S3 call.

use aws_google_web_identity::GoogleWebIdentityProvider;
use std::error::Error;
use std::process::ExitCode;

/// `RUST_LOG` logs on stderr; stdout is for the answer.
pub fn logs() {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
}

/// An S3 client of this provider. Region and endpoints come from the SDK's own variables.
pub async fn s3_client(provider: GoogleWebIdentityProvider) -> aws_sdk_s3::Client {
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .credentials_provider(provider)
        .load()
        .await;
    // Servers other than AWS's seldom have a host name for each bucket.
    let own_endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .iter()
        .any(|name| std::env::var_os(name).is_some());
    aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(own_endpoint)
            .build(),
    )
}

/// Lists the buckets and prints `{"token": {claims}, "output": [names]}`.
#[allow(dead_code)]
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

/// Exit status 1 and every cause, outermost first, on stderr. `{:#}` has this crate's errors explained.
pub fn exit(result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error:#}");
    let mut cause = error.source();
    while let Some(error) = cause {
        eprintln!("  caused by: {error:#}");
        cause = error.source();
    }
    ExitCode::FAILURE
}
