//! An `SdkConfig` that points one service at the emulator.

use super::world::World;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

pub(super) const REGION: &str = "us-east-1";

pub(super) fn of(world: &World) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .sleep_impl(TokioSleep::new())
        .time_source(world.time_source.clone())
        .service_config(StsEndpoint(world.origins.sts.clone()))
        .build()
}

/// Answers as an environment would that has `AWS_ENDPOINT_URL_STS` and nothing else.
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
    fn only_the_endpoint_of_sts_is_answered_for() {
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
