//! What we add to the SDK's transport: a retry classifier and a runtime plugin.

use super::failure::{certificate_error, is_connection_lost};
use super::retry_after::retry_after;
use crate::redact::hide_output;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime::client::retries::classifiers::TransientErrorClassifier;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::retry::ErrorKind;
use http_body_util::LengthLimitError;
use std::convert::Infallible;
use std::error::Error as StdError;
use std::time::Duration;

/// A longer `Retry-After` ends the call with the server's error: the exchange's deadline is near,
/// and the refresher retries later.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(5);

/// Whether the body cap caused the error.
pub(crate) fn is_over_limit(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// Decides what is retried, at Google's endpoints and at STS: connections that fail or break, and
/// the statuses that Google documents as transient. The SDK's own classifiers lack 408 and 429.
///
/// An answer that is too large is final, because the server would send it again. To the SDK it
/// looks like a connection that broke.
#[derive(Debug)]
pub(crate) struct Retries {
    transient: TransientErrorClassifier<Infallible>,
}

impl Retries {
    pub(crate) fn new() -> Self {
        Self {
            transient: TransientErrorClassifier::new(),
        }
    }
}

impl ClassifyRetry for Retries {
    fn classify_retry(&self, ctx: &InterceptorContext) -> RetryAction {
        if let Some(Err(error)) = ctx.output_or_error() {
            if is_over_limit(error) || certificate_error(error).is_some() {
                return RetryAction::RetryForbidden;
            }
            if is_connection_lost(error) {
                return RetryAction::transient_error();
            }
            match self.transient.classify_retry(ctx) {
                RetryAction::NoActionIndicated => {}
                action => return action,
            }
        }
        let Some(response) = ctx.response() else {
            return RetryAction::NoActionIndicated;
        };
        let kind = match response.status().as_u16() {
            429 => ErrorKind::ThrottlingError,
            408 | 500 | 502 | 503 | 504 => ErrorKind::TransientError,
            _ => return RetryAction::NoActionIndicated,
        };
        match retry_after(response.headers(), None) {
            Some(pause) if pause > MAX_RETRY_AFTER => RetryAction::RetryForbidden,
            Some(pause) => RetryAction::retryable_error_with_explicit_delay(kind, pause),
            None => RetryAction::retryable_error(kind),
        }
    }

    fn name(&self) -> &'static str {
        "aws-google-web-identity"
    }

    fn priority(&self) -> RetryClassifierPriority {
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Keeps answers out of the SDK's logs and our retries out of its shared quota.
pub(crate) fn opaque(partition: RetryPartition) -> StaticRuntimePlugin {
    let mut layer = Layer::new("aws-google-web-identity");
    hide_output(&mut layer);
    layer.store_put(partition);
    StaticRuntimePlugin::new().with_config(layer.freeze())
}
