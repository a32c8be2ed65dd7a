//! Lists the S3 buckets of the role, configured by the environment alone. Prints one JSON object
//! with the claims of the ID token and the names of the buckets.
//!
//! Variables: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`; optionally `AWS_ROLE_SESSION_NAME`
//! and `AWS_ROLE_DURATION_SECONDS`. The identity is the credentials file that
//! `GOOGLE_APPLICATION_CREDENTIALS` names, else gcloud's application default credentials, else that
//! of the metadata server (of `GCE_METADATA_HOST` if set). The SDK's own variables count as well,
//! such as `AWS_ENDPOINT_URL_S3`. `RUST_LOG=debug` shows the hops.

mod support;

use aws_google_web_identity::GoogleWebIdentityProvider;
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let provider = GoogleWebIdentityProvider::from_env().build().await?;
    support::print_buckets(provider).await
}
