//! Watches one call of STS: keeps its secret out of the SDK's logs, and notes when the answer came.

use crate::context::Context;
use crate::redact::{Secret, opaque, scrubbed};
use crate::transport::Received;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use bytes::Bytes;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The interceptor of one call. Clones share what they noted.
#[derive(Clone, Debug)]
pub(super) struct WatchedCall {
    cx: Context,
    /// What the request carries: the ID token, or the session token.
    secret: Secret,
    received: Arc<Mutex<Received>>,
    /// Scheme, host and port that the SDK's endpoint rules led to.
    endpoint: Arc<OnceLock<String>>,
}

impl WatchedCall {
    pub(super) fn new(cx: &Context, secret: &str) -> Self {
        let received = Received::new(cx.now(), None);
        Self {
            cx: cx.clone(),
            secret: Secret::new(secret),
            received: Arc::new(Mutex::new(received)),
            endpoint: Arc::default(),
        }
    }

    /// When the last answer came.
    pub(super) fn received(&self) -> Received {
        *self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the call went, once it was about to be sent.
    pub(super) fn endpoint(&self) -> Option<&str> {
        self.endpoint.get().map(String::as_str)
    }
}

#[dyn_dispatch_hint]
impl Intercept for WatchedCall {
    fn name(&self) -> &'static str {
        "WatchedCall"
    }

    /// Makes the form opaque, which may have the secret in it. The SDK prints the request only after this.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request_mut().body_mut();
        if let Some(form) = body.bytes().map(Bytes::copy_from_slice) {
            *body = opaque(form);
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(uri) = context.request().uri().parse::<http::Uri>()
            && let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority())
        {
            self.endpoint
                .get_or_init(|| format!("{scheme}://{authority}"));
        }
        Ok(())
    }

    /// Notes the time of the answer by both clocks. A refusal may repeat the secret, so the secret is
    /// blanked out of it. A success stays as it is: a session token can be a JWT as well, and have
    /// parts in common with ours.
    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let received = Received::new(self.cx.now(), response.headers().get("date"));
        *self.received.lock().unwrap_or_else(PoisonError::into_inner) = received;
        if !response.status().is_success() {
            let body = response.body_mut();
            let original = std::mem::replace(body, SdkBody::taken());
            *body = scrubbed(original, self.secret.expose());
        }
        Ok(())
    }
}
