//! Assumes several roles with one identity. The ID token is fetched once and shown to STS for each
//! role. `ROLE_ARNS` names the roles, separated by commas.
//!
//! Further variables: `TARGET_AUDIENCE`, `AWS_REGION`, and those of the identity, as in
//! `list_buckets`.

mod support;

use aws_google_web_identity::{ApplicationDefault, GoogleWebIdentityProvider, SharedIdToken};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let roles = support::required_var("ROLE_ARNS", "role ARNs, separated by commas")?;
    let audience = support::required_var("TARGET_AUDIENCE", "the audience of the ID token")?;
    let identity = SharedIdToken::new(ApplicationDefault::new());
    for role in roles.split(',').map(str::trim) {
        let provider = GoogleWebIdentityProvider::builder(role)
            .audience(audience.as_str())
            .token_source(identity.clone())
            .build()
            .await?;
        let session = provider.session().await?;
        println!(
            "{role}: {}",
            session.assumed_role_arn().unwrap_or("without a name")
        );
    }
    Ok(())
}
