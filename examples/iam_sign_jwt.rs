//! Has Google sign the assertion, with a key that never leaves Google. The attached account signs
//! for itself, or as `SERVICE_ACCOUNT` if that is set. In both cases it needs
//! `roles/iam.serviceAccountTokenCreator` on the account that it signs as.
//!
//! Further variables: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`. `IAM_ENDPOINT` and
//! `TOKEN_URI` replace Google's servers.

mod support;

use aws_google_web_identity::{GoogleWebIdentityProvider, IamSignJwt, JwtBearer, MetadataServer};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut signer = match support::var("SERVICE_ACCOUNT") {
        Some(email) => IamSignJwt::new(email, MetadataServer::new()),
        None => IamSignJwt::attached(MetadataServer::new()),
    };
    if let Some(endpoint) = support::var("IAM_ENDPOINT") {
        signer = signer.endpoint(endpoint);
    }
    let mut source = JwtBearer::new(signer);
    if let Some(uri) = support::var("TOKEN_URI") {
        source = source.token_uri(uri);
    }
    let provider = GoogleWebIdentityProvider::from_env()
        .token_source(source)
        .build()
        .await?;
    support::print_buckets(provider).await
}
