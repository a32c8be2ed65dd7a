//! Which STS is called: the configuration when none is given, and the check of the one that is.

use crate::BuildError;
use crate::http::Endpoint;
use crate::names::shown;
use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::ServiceConfigKey;

/// The SDK's defaults without its look-ups on the network.
pub(super) async fn default_sdk_config() -> SdkConfig {
    let region = RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new());
    aws_config::defaults(BehaviorVersion::latest())
        .no_credentials()
        .region(region)
        .load()
        .await
}

/// That STS can be found.
pub(super) fn check_region(sdk: &SdkConfig, set: Option<&Region>) -> Result<(), BuildError> {
    let endpoint = sts_endpoint(sdk).or_else(|| sdk.endpoint_url().map(str::to_owned));
    if let Some(Err(error)) = endpoint.as_deref().map(|uri| Endpoint::secure("STS", uri)) {
        // The SDK lets it be, and some test servers have nothing else.
        tracing::warn!(%error, "the SDK's configuration names this endpoint for STS");
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
                    shown(uri)
                ),
            ));
        }
    }
    if set.or(sdk.region()).is_some() || endpoint.is_some() {
        return Ok(());
    }
    Err(BuildError::new(
        "region",
        "is not set: call region(…), set AWS_REGION, or set a Region in the SdkConfig or the profile; STS is \
         called in that Region, for example us-east-1",
    ))
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
