//! Which STS is called: the configuration when none is given, and the check of the one that is.

use crate::build_error::BuildError;
use crate::redact::{bare, shown};
use crate::transport::Endpoint;
use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::{ProvideRegion, RegionProviderChain};
use aws_config::profile::ProfileFileRegionProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::ServiceConfigKey;

/// The SDK's defaults without its look-ups on the network.
pub(crate) async fn default_sdk_config() -> SdkConfig {
    let variable = EnvironmentVariableRegionProvider::new().region().await;
    // A variable that is empty counts as not set.
    let region = RegionProviderChain::first_try(variable.filter(|it| !it.as_ref().is_empty()))
        .or_else(ProfileFileRegionProvider::new());
    aws_config::defaults(BehaviorVersion::latest())
        .no_credentials()
        .region(region)
        .load()
        .await
}

/// That STS can be found.
pub(crate) fn check_region(sdk: &SdkConfig, set: Option<&Region>) -> Result<(), BuildError> {
    let endpoint = sts_endpoint(sdk).or_else(|| sdk.endpoint_url().map(str::to_owned));
    if let Some(uri) = endpoint.as_deref() {
        Endpoint::parse("the SdkConfig's endpoint for STS", uri)?;
        if let Err(error) = Endpoint::secure("STS", uri) {
            // The SDK lets it be, and some test servers have nothing else.
            tracing::warn!(%error, "the SDK's configuration names this endpoint for STS");
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
                    "asks for {name} and names {} for STS, which exclude each other: leave one of them out",
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
                    "{} is no Region: a name such as us-east-1 is expected",
                    shown(region.as_ref())
                ),
            ));
        }
        None if endpoint.is_none() => {}
        _ => return Ok(()),
    }
    Err(BuildError::new(
        "region",
        "is not set: call region(…), set AWS_REGION, or set a Region in the SdkConfig or the profile; STS is \
         called in that Region, for example us-east-1",
    ))
}

/// What the SDK makes a part of the host's name of.
fn is_host_label(region: &str) -> bool {
    let mut bytes = region.bytes();
    (1..=63).contains(&region.len())
        && !region.starts_with('-')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn sts_endpoint(sdk: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id("STS")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build()
        .ok()?;
    sdk.service_config()?.load_config(key)
}
