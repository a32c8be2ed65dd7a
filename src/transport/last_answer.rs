//! The latest answer of a call, for the error of a call that runs out of time.

use super::retry_after::retry_after;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Notes the status of each answer. A call that times out after an answer, mostly while it waits
/// for its next attempt, is reported by that answer: a throttled call stays throttled.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastAnswer(Arc<Mutex<Option<Answered>>>);

#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
}

impl LastAnswer {
    /// The latest answer, if there was one.
    pub(super) fn get(&self) -> Option<Answered> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[dyn_dispatch_hint]
impl Intercept for LastAnswer {
    fn name(&self) -> &'static str {
        "LastAnswer"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let answered = Answered {
            status: response.status().as_u16(),
            retry_after: retry_after(response.headers(), None),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(answered);
        Ok(())
    }
}
