//! Checks which STS is called: its Region or its endpoint, and its accounts.

use crate::build_error::BuildError;
use crate::names::RoleArn;
use crate::redact::{bare, shown};
use crate::transport::Endpoint;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::ServiceConfigKey;

/// Checks the Region, or the endpoint that replaces it.
pub(crate) fn check_region(sdk: &SdkConfig, set: Option<&Region>) -> Result<(), BuildError> {
    let endpoint = sts_endpoint(sdk);
    if let Some(uri) = endpoint.as_deref() {
        const SETTINGS: &str = "the endpoint for STS (AWS_ENDPOINT_URL_STS, AWS_ENDPOINT_URL, \
             endpoint_url of the profile, or the SdkConfig)";
        Endpoint::parse(SETTINGS, uri)?;
        if let Err(error) = Endpoint::secure("STS", uri) {
            // The SDK accepts plain http, and some test servers have nothing else.
            tracing::warn!(%error, "the endpoint for STS is not secure");
        }
    }
    for (name, asked) in [
        ("FIPS", sdk.use_fips()),
        ("dual-stack", sdk.use_dual_stack()),
    ] {
        if let (Some(uri), Some(true)) = (&endpoint, asked) {
            return Err(BuildError::new(
                "configure",
                format!(
                    "asks for {name} and sets the endpoint {} for STS, which exclude each other; remove one of them",
                    shown(&bare(uri))
                ),
            ));
        }
    }
    match set.or(sdk.region()) {
        Some(region) if !is_host_label(region.as_ref()) => {
            return Err(BuildError::new(
                "region",
                format!(
                    "{} is not a Region; a name such as us-east-1 is expected",
                    shown(region.as_ref())
                ),
            ));
        }
        None if endpoint.is_none() => {}
        _ => return Ok(()),
    }
    Err(BuildError::new(
        "region",
        "is not set; call region(…), set AWS_REGION, or set a Region in the SdkConfig or the profile. It is \
         the Region of STS, for example us-east-1",
    ))
}

/// Checks that the role has an account id, which servers other than AWS may leave out.
pub(crate) fn check_account(sdk: &SdkConfig, role_arn: &RoleArn) -> Result<(), BuildError> {
    if !role_arn.account_id().is_empty() || sts_endpoint(sdk).is_some() {
        return Ok(());
    }
    Err(BuildError::new(
        "role_arn",
        format!(
            "{} has no account id; AWS expects arn:aws:iam::<12 digits>:role/<name>. Other servers need \
             AWS_ENDPOINT_URL_STS, or an endpoint in the SdkConfig",
            shown(role_arn.as_str())
        ),
    ))
}

/// The SDK makes the Region a part of the host's name.
fn is_host_label(region: &str) -> bool {
    let mut bytes = region.bytes();
    (1..=63).contains(&region.len())
        && !region.starts_with('-')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The endpoint that the SDK's configuration sets for STS, or for all services.
pub(crate) fn sts_endpoint(sdk: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id("STS")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    let of_sts = sdk
        .service_config()
        .and_then(|config| config.load_config(key));
    of_sts.or_else(|| sdk.endpoint_url().map(str::to_owned))
}
