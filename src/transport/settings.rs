//! Retries and timeouts: the user's, with our defaults.

use super::plugins::MAX_RETRY_AFTER;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use std::time::Duration;

/// Long enough for a slow TLS handshake across the world, and the SDK's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);
/// Google's endpoints and STS answer in well under a second. Three attempts of this length fit into
/// the deadline of an exchange.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
/// One call may use most of the 15 s of an exchange, not all of them.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// Adaptive retries become standard ones with the same numbers: the rate limiter is for services
/// that are called at a rate.
pub(super) fn retries(conf: &SdkConfig) -> RetryConfig {
    // The SDK applies this limit to `Retry-After` as well.
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

/// Our values apply only where nothing is set; a timeout that is disabled stays disabled.
pub(super) fn timeouts(conf: &SdkConfig) -> TimeoutConfig {
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
