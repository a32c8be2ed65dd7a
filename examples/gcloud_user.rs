//! A laptop: the account that `gcloud auth login` signed in acts as a service account, named by `SERVICE_ACCOUNT`. Besides
//! that: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`, and if IAM is somewhere else `IAM_ENDPOINT`.

mod support;

use aws_google_web_identity::{GcpAuth, GoogleWebIdentityProvider, IamIdToken};
use std::error::Error;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let account = std::env::var("SERVICE_ACCOUNT")
        .map_err(|_| "SERVICE_ACCOUNT is not set: it is the e-mail of the account to act as")?;
    let mut source = IamIdToken::new(account, GcpAuth::gcloud()).include_email(true);
    if let Ok(endpoint) = std::env::var("IAM_ENDPOINT") {
        source = source.endpoint(endpoint);
    }
    let provider = GoogleWebIdentityProvider::from_env()
        .token_source(source)
        .build()
        .await?;
    support::print_buckets(provider).await
}
