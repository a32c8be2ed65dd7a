//! An `SdkConfig` that sends calls of one service to the emulator.

use crate::service::sts;
use crate::state::State;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

pub(crate) const REGION: &str = "us-east-1";

pub(crate) fn of(state: &State) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .sleep_impl(state.sleep.clone())
        .time_source(state.time_source.clone())
        .service_config(StsEndpoint(state.origins.of(sts::NAME).to_owned()))
        .build()
}

/// Behaves like an environment with `AWS_ENDPOINT_URL_STS` and no other variable.
#[derive(Debug)]
struct StsEndpoint(String);

impl LoadServiceConfig for StsEndpoint {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let is_sts = key.service_id() == "STS" && key.env() == "AWS_ENDPOINT_URL";
        is_sts.then(|| self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sts_gets_an_endpoint() {
        let config = StsEndpoint("http://127.0.0.1:1".to_owned());
        let load = |service, env| {
            let key = ServiceConfigKey::builder()
                .service_id(service)
                .env(env)
                .profile("endpoint_url");
            config.load_config(key.build().unwrap())
        };
        assert!(load("STS", "AWS_ENDPOINT_URL").is_some());
        assert_eq!(load("S3", "AWS_ENDPOINT_URL"), None);
        assert_eq!(load("STS", "AWS_USE_FIPS_ENDPOINT"), None);
    }
}
