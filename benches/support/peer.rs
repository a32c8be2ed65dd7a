//! A clock that skips, and the SDK's own provider, `aws_config::web_identity_token`, over the same
//! STS as ours.

use super::Bench;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_google_web_identity::{GoogleWebIdentityProvider, MonotonicClock, RefreshPolicy};
use aws_google_web_identity_emulator::Call;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::retry::RetryConfig;
use aws_types::region::Region;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Real time plus the time that the bench skipped.
#[derive(Clone, Debug)]
pub struct Clock {
    start: Instant,
    skipped: Arc<AtomicU64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            skipped: Arc::default(),
        }
    }
}

impl Clock {
    pub fn skip(&self, seconds: u64) {
        self.skipped.fetch_add(seconds, Ordering::SeqCst);
    }

    fn skipped(&self) -> Duration {
        Duration::from_secs(self.skipped.load(Ordering::SeqCst))
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::now() + self.skipped()
    }
}

impl MonotonicClock for Clock {
    fn elapsed(&self) -> Duration {
        self.start.elapsed() + self.skipped()
    }
}

/// The network to STS: the emulator, after a delay.
#[derive(Clone, Debug)]
pub struct Network {
    origin: String,
    delay: Duration,
    inner: aws_smithy_runtime_api::client::http::SharedHttpClient,
}

impl Network {
    pub fn new(bench: &Bench, delay: Duration) -> Self {
        Self {
            origin: bench.emulator.sts_endpoint().to_owned(),
            delay,
            inner: aws_smithy_http_client::Builder::new().build_http(),
        }
    }
}

impl HttpClient for Network {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Delayed {
            network: self.clone(),
            connector: self.inner.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct Delayed {
    network: Network,
    connector: SharedHttpConnector,
}

impl HttpConnector for Delayed {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        request
            .set_uri(format!("{}/", self.network.origin))
            .unwrap();
        let (connector, delay) = (self.connector.clone(), self.network.delay);
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(delay).await;
            connector.call(request).await
        })
    }
}

/// Ours, with a source that takes no time, STS over this network, and without the SDK's retries.
pub fn ours(bench: &Bench, clock: &Clock, network: &Network) -> GoogleWebIdentityProvider {
    let config = bench
        .emulator
        .sdk_config()
        .into_builder()
        .http_client(network.clone())
        .retry_config(RetryConfig::disabled())
        .build();
    let provider = GoogleWebIdentityProvider::builder(bench.emulator.role_arn())
        .audience(bench.emulator.audience())
        .token_source(bench.source())
        // The refresh is due at a known moment.
        .refresh_policy(RefreshPolicy::new().jitter(0.0))
        .configure(&config)
        .monotonic_clock(clock.clone())
        .build();
    bench.runtime.block_on(provider).unwrap()
}

/// The SDK's provider for a token in a file, over the same network.
pub fn of_the_sdk(
    bench: &Bench,
    clock: &Clock,
    network: &Network,
) -> (WebIdentityTokenCredentialsProvider, tempfile::NamedTempFile) {
    let iat = clock.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let token = bench.emulator.issue_id_token(&serde_json::json!({
        "iss": "https://accounts.google.com", "aud": bench.emulator.audience(),
        "sub": bench.emulator.service_account_id(), "iat": iat, "exp": iat + 86_400,
    }));
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(token.unwrap().as_bytes()).unwrap();
    let config = ProviderConfig::empty()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_region(Some(Region::new("us-east-1")))
        .with_sleep_impl(TokioSleep::new())
        .with_retry_config(RetryConfig::disabled())
        .with_time_source(clock.clone())
        .with_http_client(network.clone());
    let provider = WebIdentityTokenCredentialsProvider::builder()
        .configure(&config)
        .static_configuration(StaticConfiguration {
            web_identity_token_file: file.path().to_owned(),
            role_arn: bench.emulator.role_arn(),
            session_name: "bench".to_owned(),
        })
        .build();
    (provider, file)
}

/// How many calls STS has got.
pub fn exchanges(bench: &Bench) -> usize {
    bench.emulator.requests_of(Call::Sts).len()
}
