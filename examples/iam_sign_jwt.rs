//! Has Google sign, with a key that never leaves it. Without `SERVICE_ACCOUNT` the attached account
//! signs for itself; with it, the attached account signs as that one, on which it needs
//! `roles/iam.serviceAccountTokenCreator`. Besides that: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`,
//! `AWS_REGION`; `IAM_ENDPOINT` and `TOKEN_URI` name other servers than Google's.

mod support;

use aws_google_web_identity::{GoogleWebIdentityProvider, IamSignJwt, JwtBearer, MetadataServer};
use std::env::var;
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let mut signer = match var("SERVICE_ACCOUNT") {
        Ok(email) => IamSignJwt::new(email, MetadataServer::new()),
        Err(_) => IamSignJwt::attached(MetadataServer::new()),
    };
    if let Ok(endpoint) = var("IAM_ENDPOINT") {
        signer = signer.endpoint(endpoint);
    }
    let mut source = JwtBearer::new(signer);
    if let Ok(uri) = var("TOKEN_URI") {
        source = source.token_uri(uri);
    }
    let provider = GoogleWebIdentityProvider::from_env()
        .token_source(source)
        .build()
        .await?;
    support::print_buckets(provider).await
}
