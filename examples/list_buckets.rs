//! Lists the S3 buckets that a Google identity may see, with nothing but environment variables:
//! `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`, if wanted `AWS_ROLE_SESSION_NAME` and
//! `AWS_ROLE_DURATION_SECONDS`, and `GOOGLE_APPLICATION_CREDENTIALS` for a key file (else gcloud's
//! application default credentials, else the metadata server, or what `GCE_METADATA_HOST` names). The SDK's own variables, such as
//! `AWS_ENDPOINT_URL_S3`, count as well. Prints one JSON object; `RUST_LOG=debug` shows the hops.

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
