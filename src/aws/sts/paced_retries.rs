//! Leaves throttled calls to the pace.

use super::refusal::kind;
use crate::error::ErrorKind;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::retries::classifiers::{
    ClassifyRetry, RetryAction, RetryClassifierPriority,
};

/// Forbids the SDK to retry a throttled call: each attempt must have its turn. Everything else is
/// retried as usual.
#[derive(Debug)]
pub(super) struct PacedRetries;

impl ClassifyRetry for PacedRetries {
    fn classify_retry(&self, ctx: &InterceptorContext) -> RetryAction {
        let Some(Err(error)) = ctx.output_or_error() else {
            return RetryAction::NoActionIndicated;
        };
        let refusal = error
            .as_operation_error()
            .and_then(|error| error.downcast_ref::<AssumeRoleWithWebIdentityError>());
        let code = refusal.and_then(|refusal| refusal.code());
        let status = ctx
            .response()
            .map_or(0, |response| response.status().as_u16());
        match kind(code, status) {
            ErrorKind::Throttled => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "aws-google-web-identity pace"
    }

    /// After all others: the last word counts.
    fn priority(&self) -> RetryClassifierPriority {
        let transient = RetryClassifierPriority::transient_error_classifier();
        RetryClassifierPriority::run_after(RetryClassifierPriority::run_after(transient))
    }
}
