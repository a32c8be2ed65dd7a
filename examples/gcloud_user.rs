//! For a laptop: the person signed in by `gcloud auth login` acts as the service account
//! `SERVICE_ACCOUNT`, on which that person needs `roles/iam.serviceAccountOpenIdTokenCreator`.
//!
//! Further variables: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`. `IAM_ENDPOINT` replaces
//! Google's.

mod support;

use aws_google_web_identity::{GcpAuth, GoogleWebIdentityProvider, IamIdToken};
use std::error::Error;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let account = support::required_var("SERVICE_ACCOUNT", "the e-mail of the account to act as")?;
    let mut source = IamIdToken::new(account, GcpAuth::gcloud()).include_email(true);
    if let Some(endpoint) = support::var("IAM_ENDPOINT") {
        source = source.endpoint(endpoint);
    }
    let provider = GoogleWebIdentityProvider::from_env()
        .token_source(source)
        .build()
        .await?;
    support::print_buckets(provider).await
}
