//! Composes the provider with the SDK's own. A chain asks Google first; on a machine without a
//! Google identity, it goes on with the SDK's default chain. If `SECOND_ROLE_ARN` is set, the
//! credentials then assume that role.
//!
//! Variables: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`, and those of the identity, as in
//! `list_buckets`.

mod support;

use aws_config::BehaviorVersion;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::GoogleWebIdentityProvider;
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let google = GoogleWebIdentityProvider::from_env().build().await?;
    let default = DefaultCredentialsChain::builder().build().await;
    let chain = CredentialsProviderChain::first_try("Google", google).or_else("default", default);
    let credentials = match support::var("SECOND_ROLE_ARN") {
        None => chain.provide_credentials().await?,
        Some(role) => {
            let config = aws_config::defaults(BehaviorVersion::latest())
                .no_credentials()
                .load()
                .await;
            let second = AssumeRoleProvider::builder(role)
                .session_name("second")
                .configure(&config);
            second
                .build_from_provider(chain)
                .await
                .provide_credentials()
                .await?
        }
    };
    println!(
        "{} until {:?}",
        credentials.access_key_id(),
        credentials.expiry()
    );
    Ok(())
}
