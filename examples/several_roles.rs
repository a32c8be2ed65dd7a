//! Assumes several roles with one identity. The ID token is fetched once and shown to STS for each
//! role. `ROLE_ARNS` names the roles, separated by commas; without it, the emulator has three.
//!
//! Further variables: `TARGET_AUDIENCE`, `AWS_REGION`, and those of the identity, as in
//! `list_buckets`.

mod support;

use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer, Roles};
use aws_google_web_identity_emulator::{Call, Emulator, Role};
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(match support::var("ROLE_ARNS") {
        Some(arns) => configured(&arns).await,
        None => emulated().await,
    })
}

async fn configured(arns: &str) -> Result<(), Box<dyn Error>> {
    let audience = support::required_var("TARGET_AUDIENCE", "the audience of the ID token")?;
    let roles = Roles::builder().audience(audience).build().await?;
    for arn in arns.split(',').map(str::trim) {
        print(arn, &roles.role(arn)?).await?;
    }
    Ok(())
}

async fn emulated() -> Result<(), Box<dyn Error>> {
    let tenants = ["red", "green", "blue"];
    let arn = |tenant: &str| format!("arn:aws:iam::123456789012:role/{tenant}");
    let emulator = Emulator::start().await?;
    let policy = TrustPolicy::admitting(&ConditionKeys::from_claims(
        None,
        emulator.audience(),
        emulator.service_account_id(),
    ));
    for tenant in tenants {
        emulator.put_role(Role::new(arn(tenant)).trust_policy(policy.to_json_pretty()))?;
    }
    let roles = Roles::builder()
        .audience(emulator.audience())
        .token_source(MetadataServer::new().endpoint(emulator.metadata_endpoint()))
        .configure(&emulator.sdk_config())
        .build()
        .await?;
    for tenant in tenants {
        print(tenant, &roles.role(arn(tenant))?).await?;
    }
    // The same role for one customer: with a name that CloudTrail shows, and a policy that leaves
    // only the customer's own bucket.
    let narrowed = roles.role_with(arn("red"), |role| {
        role.session_name("customer-7").policy(
            r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*",
                "Resource": "arn:aws:s3:::customer-7/*"}]}"#,
        )
    })?;
    print("red for customer 7", &narrowed).await?;
    println!(
        "{} ID token, {} sessions",
        emulator.requests_of(Call::MetadataIdentity).len(),
        emulator.requests_of(Call::Sts).len()
    );
    Ok(())
}

async fn print(name: &str, provider: &GoogleWebIdentityProvider) -> Result<(), Box<dyn Error>> {
    let session = provider.session().await?;
    let assumed = session.assumed_role_arn().unwrap_or("without a name");
    println!("{name}: {assumed}");
    Ok(())
}
