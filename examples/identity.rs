//! Prints what AWS sees of a Google identity: the claims of its ID token, the condition keys that
//! AWS derives from them, the trust policy that admits exactly this identity and, if STS admits it,
//! the role session.
//!
//! Variables: those of `list_buckets`.

mod support;

use aws_google_web_identity::GoogleWebIdentityProvider;
use aws_google_web_identity::trust_policy::TrustPolicy;
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let provider = GoogleWebIdentityProvider::from_env().build().await?;
    let token = provider.id_token().await?;
    let keys = token.claims().aws_condition_keys();
    println!("token: {}", serde_json::to_string(token.claims())?);
    println!("condition keys:\n{keys}");
    println!(
        "a trust policy that admits it:\n{}",
        TrustPolicy::admitting(&keys).to_json_pretty()
    );
    let session = provider.session().await?;
    println!(
        "role session: {}",
        session.assumed_role_arn().unwrap_or("without a name")
    );
    Ok(())
}
