//! Signs with the service-account key in the file `GOOGLE_APPLICATION_CREDENTIALS`.
//!
//! Further variables: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`.

mod support;

use aws_google_web_identity::{GoogleWebIdentityProvider, LocalKey};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let file = support::required_var("GOOGLE_APPLICATION_CREDENTIALS", "the path of the key file")?;
    let key = LocalKey::from_file(file)?;
    let provider = GoogleWebIdentityProvider::from_env()
        .signer(key)
        .build()
        .await?;
    support::print_buckets(provider).await
}
