//! Asks the metadata server of Google Cloud for an ID token of the attached service account.
//!
//! Variables: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`.

mod support;

use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let provider = GoogleWebIdentityProvider::from_env()
        .token_source(MetadataServer::new())
        .build()
        .await?;
    support::print_buckets(provider).await
}
