//! What a source works with: clocks, environment and transport.

use crate::build_error::{BuildError, Problems};
#[cfg(feature = "test-util")]
use crate::clock::MonotonicClock;
use crate::clock::{Clocks, Monotonic};
use crate::environment::Environment;
use crate::refresh::RefreshPolicy;
use crate::transport::Transport;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_types::SdkConfig;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What a source or a signer works with: the clock, the environment and the transport of the
/// provider that calls it.
///
/// It is made once, from an [`SdkConfig`], and cheap to clone. Implementations of
/// [`ProvideIdToken`](crate::ProvideIdToken) and [`SignJwt`](crate::SignJwt) take the time from
/// [`now`](Self::now), so that tests can set it.
#[derive(Clone, Debug)]
pub struct Context(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    sdk: SdkConfig,
    transport: Transport,
    clocks: Clocks,
    environment: Environment,
    /// How long a whole exchange may take.
    deadline: Duration,
}

impl Context {
    /// Takes clock, sleep, HTTP client, retries and timeouts from the SDK's configuration.
    ///
    /// Makes the HTTP clients and does no I/O. An HTTP client set in `conf` sends every request,
    /// with whatever proxy and root certificates it has.
    ///
    /// Otherwise an equivalent of the SDK's default client does. It reads `HTTPS_PROXY` and
    /// `NO_PROXY`, and bypasses the proxy for the metadata server. It trusts the machine's root
    /// certificates, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, and those of
    /// `AWS_CA_BUNDLE`.
    ///
    /// # Errors
    /// When `conf` has no behavior version or no sleep, without either of which the SDK would panic
    /// later.
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
        problems.finish()?;
        let Some(sleep) = conf.sleep_impl() else {
            unreachable!("it is reported as a problem when it is missing")
        };
        let time = conf
            .time_source()
            .unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new()));
        Ok(Self(Arc::new(Inner {
            clocks: Clocks::new(time, Monotonic::default(), sleep),
            transport: Transport::new(conf, &Environment::default()),
            environment: Environment::default(),
            deadline: RefreshPolicy::new().fetch_deadline(),
            sdk: conf.clone(),
        })))
    }

    /// The time by the wall clock.
    pub fn now(&self) -> SystemTime {
        self.0.clocks.wall()
    }

    /// An environment variable. An empty one counts as not set.
    pub fn var(&self, name: &str) -> Option<String> {
        self.0.environment.get(name)
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.0.environment
    }

    pub(crate) fn with_environment(mut self, environment: Environment) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.transport = Transport::new(&inner.sdk, &environment);
        inner.environment = environment;
        self
    }

    #[cfg(feature = "test-util")]
    pub(crate) fn with_monotonic(mut self, clock: Arc<dyn MonotonicClock>) -> Self {
        let inner = Arc::make_mut(&mut self.0);
        inner.clocks = inner
            .clocks
            .clone()
            .with_monotonic(Monotonic::instead(clock));
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

    pub(crate) fn clocks(&self) -> &Clocks {
        &self.0.clocks
    }

    pub(crate) fn sdk(&self) -> &SdkConfig {
        &self.0.sdk
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.0.transport
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("region", &self.sdk.region())
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}
