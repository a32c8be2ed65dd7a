//! What reaches a hop from outside: clocks, environment, transport.

use crate::BuildError;
use crate::build_error::Problems;
use crate::environment::Environment;
use crate::http::{Guarded, MAX_RETRY_AFTER};
use crate::platform::Platform;
use crate::refresh::{Clocks, Monotonic, RefreshPolicy};
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::tls;
use aws_smithy_runtime::client::defaults::default_http_client_plugin_v2;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// Long enough for a slow TLS handshake across the world, and the SDK's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);
/// Google's endpoints and STS answer in well under a second; three tries of this fit into the
/// deadline of an exchange.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// One hop may use most of the 15 s that an exchange has, not all of it.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// What a source or a signer works with: the clock, the environment and the transport of the
/// provider that calls it.
///
/// Made once, from an [`SdkConfig`]; cheap to clone. Who implements
/// [`ProvideIdToken`](crate::ProvideIdToken) or [`SignJwt`](crate::SignJwt) takes the time from
/// [`now`](Self::now), so that tests can set it.
#[derive(Clone, Debug)]
pub struct Context(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    sdk: SdkConfig,
    time: SharedTimeSource,
    sleep: SharedAsyncSleep,
    monotonic: Monotonic,
    environment: Environment,
    platform: OnceLock<Platform>,
    http: SharedHttpClient,
    direct: SharedHttpClient,
    retries: RetryConfig,
    timeouts: TimeoutConfig,
    partition: RetryPartition,
    /// How long a whole exchange may take.
    deadline: Duration,
}

impl Context {
    /// Takes clock, sleep, HTTP client, retries and timeouts from the SDK's configuration.
    ///
    /// Makes the HTTP clients and does no I/O. A client set in `conf` serves every hop, with
    /// whatever proxy it has; without one, the SDK's default client does (which reads
    /// `HTTPS_PROXY` and `NO_PROXY`), and one without a proxy serves the metadata server.
    ///
    /// # Errors
    /// When `conf` has no behavior version or no sleep, which the SDK would panic on later, or no HTTP client where the SDK
    /// has no default one.
    pub fn new(conf: &SdkConfig) -> Result<Self, BuildError> {
        let mut problems = Problems::default();
        let behavior_version = conf.behavior_version();
        if behavior_version.is_none() {
            problems.add(BuildError::new(
                "configure",
                "the SdkConfig has no behavior version; make it with \
                 aws_config::defaults(BehaviorVersion::latest()) or set SdkConfig::builder().behavior_version(…)",
            ));
        }
        if conf.sleep_impl().is_none() {
            problems.add(BuildError::new(
                "configure",
                "the SdkConfig has no sleep implementation, without which nothing can time out; make it \
                 with aws_config::defaults(…) or set SdkConfig::builder().sleep_impl(…)",
            ));
        }
        let clients = problems.take(http_clients(conf));
        problems.finish()?;
        let (Some(sleep), Some((http, direct))) = (conf.sleep_impl(), clients) else {
            unreachable!("each of them is reported as a problem when it is missing")
        };
        Ok(Self(Arc::new(Inner {
            time: conf
                .time_source()
                .unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new())),
            sleep,
            monotonic: Monotonic::default(),
            environment: Environment::default(),
            platform: OnceLock::new(),
            http,
            direct,
            retries: retries(conf),
            timeouts: timeouts(conf),
            partition: RetryPartition::custom("aws-google-web-identity")
                .token_bucket(TokenBucket::unlimited())
                .build(),
            deadline: RefreshPolicy::new().flight_deadline(),
            sdk: conf.clone(),
        })))
    }

    /// The time by the wall clock.
    pub fn now(&self) -> SystemTime {
        self.0.time.now()
    }

    /// An environment variable; one that is empty counts as not set.
    pub fn var(&self, name: &str) -> Option<String> {
        self.0.environment.get(name)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.0.environment
    }

    /// The host's name as the system tells it; nothing where the environment is a test's.
    pub(crate) fn host_name(&self) -> Option<String> {
        self.0.environment.host_name()
    }

    /// Where the program runs, as far as can be seen without asking the network; found out once.
    pub(crate) fn platform(&self) -> &Platform {
        self.0.platform.get_or_init(|| {
            let platform = Platform::of(&self.0.environment);
            tracing::debug!(%platform, "where this runs");
            platform
        })
    }

    pub(crate) fn with_environment(mut self, environment: Environment) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.environment = environment;
        inner.platform = OnceLock::new();
        self
    }

    #[cfg(feature = "test-util")]
    pub(crate) fn with_monotonic(mut self, clock: Arc<dyn crate::refresh::MonotonicClock>) -> Self {
        Arc::make_mut(&mut self.0).monotonic = Monotonic::instead(clock);
        self
    }

    pub(crate) fn with_deadline(mut self, deadline: Duration) -> Self {
        Arc::make_mut(&mut self.0).deadline = deadline;
        self
    }

    /// How long a whole exchange may take.
    pub(crate) fn deadline(&self) -> Duration {
        self.0.deadline
    }

    /// By the monotonic clock, since some fixed moment.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.monotonic.elapsed()
    }

    pub(crate) fn clocks(&self) -> Clocks {
        Clocks::new(
            self.0.time.clone(),
            self.0.monotonic.clone(),
            self.0.sleep.clone(),
        )
    }

    pub(crate) fn sdk(&self) -> &SdkConfig {
        &self.0.sdk
    }

    pub(crate) fn time(&self) -> SharedTimeSource {
        self.0.time.clone()
    }

    pub(crate) fn sleep(&self) -> SharedAsyncSleep {
        self.0.sleep.clone()
    }

    /// Whether that is the SDK's own client, which reads the proxy from the environment.
    pub(crate) fn uses_default_client(&self) -> bool {
        self.0.sdk.http_client().is_none()
    }

    /// The client for everything but the metadata server.
    pub(crate) fn http(&self) -> SharedHttpClient {
        self.0.http.clone()
    }

    /// The client that uses no proxy.
    pub(crate) fn direct(&self) -> SharedHttpClient {
        self.0.direct.clone()
    }

    pub(crate) fn retries(&self) -> &RetryConfig {
        &self.0.retries
    }

    pub(crate) fn timeouts(&self) -> &TimeoutConfig {
        &self.0.timeouts
    }

    /// The SDK's default quota is one per process and service: an outage at Google would use up
    /// the retries that the recovery needs.
    pub(crate) fn retry_partition(&self) -> RetryPartition {
        self.0.partition.clone()
    }
}

fn http_clients(conf: &SdkConfig) -> Result<(SharedHttpClient, SharedHttpClient), BuildError> {
    let guarded = |client| SharedHttpClient::new(Guarded(client));
    if let Some(client) = conf.http_client() {
        let client = guarded(client);
        return Ok((client.clone(), client));
    }
    let missing = || {
        BuildError::new(
            "configure",
            "the SdkConfig has no HTTP client and the SDK has no default one; set \
             SdkConfig::builder().http_client(…)",
        )
    };
    let default = default_http_client_plugin_v2(
        conf.behavior_version()
            .unwrap_or_else(BehaviorVersion::latest),
    )
    .and_then(|plugin| {
        plugin
            .runtime_components(&RuntimeComponentsBuilder::new("default"))
            .http_client()
    })
    .ok_or_else(missing)?;
    let direct = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::AwsLc,
        ))
        .build_https();
    Ok((guarded(default), guarded(direct)))
}

/// Of a configuration for adaptive retries, the numbers: the rate limiter is made for services
/// that are called at a rate.
fn retries(conf: &SdkConfig) -> RetryConfig {
    // The SDK waits no longer than this for a `Retry-After` either.
    let standard = RetryConfig::standard().with_max_backoff(MAX_RETRY_AFTER);
    match conf.retry_config() {
        Some(set) if set.has_retry() => standard
            .with_max_attempts(set.max_attempts())
            .with_initial_backoff(set.initial_backoff())
            .with_max_backoff(set.max_backoff())
            .with_reconnect_mode(set.reconnect_mode()),
        Some(_) => RetryConfig::disabled(),
        None => standard,
    }
}

/// What is not set is ours; what is set to be disabled stays so.
fn timeouts(conf: &SdkConfig) -> TimeoutConfig {
    let ours = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    let mut timeouts = conf
        .timeout_config()
        .cloned()
        .unwrap_or_else(|| TimeoutConfig::builder().build());
    timeouts.take_defaults_from(&ours);
    timeouts
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("region", &self.sdk.region())
            .field("retries", &self.retries)
            .field("timeouts", &self.timeouts)
            .finish_non_exhaustive()
    }
}
