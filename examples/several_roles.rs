//! Several roles of one identity: its ID token is fetched once and shown to STS for each. The roles are named by `ROLE_ARNS`,
//! separated by commas. Besides that: `TARGET_AUDIENCE`, `AWS_REGION`, and those by which the identity is found.

mod support;

use aws_google_web_identity::{ApplicationDefault, GoogleWebIdentityProvider, SharedIdToken};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let roles = std::env::var("ROLE_ARNS")
        .map_err(|_| "ROLE_ARNS is not set: role ARNs, separated by commas")?;
    let audience = std::env::var("TARGET_AUDIENCE").map_err(|_| "TARGET_AUDIENCE is not set")?;
    let identity = SharedIdToken::new(ApplicationDefault::new());
    for role in roles.split(',') {
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
