//! How requests are sent: the SDK's own transport with our timeouts, retries and body cap.

mod client;
mod endpoint;
mod failure;
mod last_answer;
mod plugins;
mod proxy;
mod received;
mod request;
mod response;
mod retry_after;
mod roots;
mod settings;

pub(crate) use endpoint::Endpoint;
pub(crate) use failure::transport_error;
pub(crate) use last_answer::LastAnswer;
pub(crate) use plugins::MAX_RETRY_AFTER;
pub(crate) use received::{Received, Skew};
pub(crate) use request::{Body, Request};
pub(crate) use response::{Response, kind_of_status};
pub(crate) use retry_after::retry_after;
#[cfg(feature = "redis_1")]
pub(crate) use roots::root_certificates;

use crate::environment::Environment;
use crate::error::Error;
use crate::redact::HiddenParts;
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use plugins::Retries;
use proxy::Proxy;
use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

/// Sends requests to Google, and configures the STS client the same way.
#[derive(Clone)]
pub(crate) struct Transport {
    http: SharedHttpClient,
    /// Bypasses the proxy.
    direct: SharedHttpClient,
    retries: RetryConfig,
    timeouts: TimeoutConfig,
    partition: RetryPartition,
    time: SharedTimeSource,
    sleep: Option<SharedAsyncSleep>,
    /// The proxy of our own client, for the hints of errors.
    proxy: Option<Proxy>,
}

impl Transport {
    /// Makes the HTTP clients and does no I/O.
    pub(crate) fn new(conf: &SdkConfig, environment: &Environment) -> Self {
        let (http, direct) = client::http_clients(conf, environment);
        Self {
            http,
            direct,
            retries: settings::retries(conf),
            timeouts: settings::timeouts(conf),
            partition: RetryPartition::custom("aws-google-web-identity")
                // The SDK's default retry quota is shared by the process: an outage at Google would
                // use up the retries that the recovery needs.
                .token_bucket(TokenBucket::unlimited())
                .build(),
            time: conf
                .time_source()
                .unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new())),
            sleep: conf.sleep_impl(),
            // A user's own client has a proxy of its own.
            proxy: match conf.http_client() {
                Some(_) => None,
                None => Proxy::of(environment),
            },
        }
    }

    /// Gives STS the same client, retries and timeouts.
    pub(crate) fn outfit(
        &self,
        mut sts: aws_sdk_sts::config::Builder,
    ) -> aws_sdk_sts::config::Builder {
        sts.set_sleep_impl(self.sleep.clone());
        sts.http_client(self.http.clone())
            .time_source(self.time.clone())
            .retry_config(self.retries.clone())
            .retry_classifier(Retries::new())
            .timeout_config(self.timeouts.clone())
            .retry_partition(self.partition.clone())
    }

    /// How a proxy, if there is one, may have caused a connection error.
    pub(crate) fn proxy_hint(&self, error: &(dyn std::error::Error + 'static)) -> Option<String> {
        self.proxy.as_ref().map(|proxy| proxy.hint(error))
    }

    /// Sends the request and returns the answer, whatever its status.
    ///
    /// # Errors
    /// When no complete answer of at most 64 KiB arrives within the timeouts.
    pub(crate) async fn send(&self, mut request: Request) -> Result<Response, Error> {
        let (stage, operation, direct) = (request.stage, request.operation, request.direct);
        let (retries, timeouts) = match request.once {
            None => (self.retries.clone(), self.timeouts.clone()),
            Some(within) => {
                let timeout = TimeoutConfig::builder().operation_timeout(within);
                (RetryConfig::disabled(), timeout.build())
            }
        };
        let client = match direct {
            true => self.direct.clone(),
            false => self.http.clone(),
        };
        let parts = Arc::new(std::mem::take(&mut request.hidden));
        let time = self.time.clone();
        let origin = request.endpoint.origin();
        let last_answer = LastAnswer::default();
        let mut call = Operation::builder()
            .service_name("Google")
            .operation_name(operation)
            .http_client(HiddenParts { client, parts })
            .endpoint_url(&origin)
            .no_auth()
            .standard_retry(&retries)
            .retry_classifier(Retries::new())
            .timeout_config(timeouts)
            .time_source(self.time.clone())
            .with_connection_poisoning()
            .interceptor(last_answer.clone())
            .runtime_plugin(plugins::opaque(self.partition.clone()));
        if let Some(sleep) = &self.sleep {
            call = call.sleep_impl(sleep.clone());
        }
        let answered_by = origin.clone();
        let result = call
            .serializer(move |(): ()| request.to_http())
            .deserializer::<_, Infallible>(move |response: &HttpResponse| {
                let response = Response::new(answered_by.clone(), response, time.now());
                Ok::<_, OrchestratorError<Infallible>>(response)
            })
            .build()
            .invoke(())
            .await;
        let response = result.map_err(|error| {
            let call = format!("{operation} at {origin}");
            let whole = transport_error(stage, &call, &error, &last_answer);
            match self.proxy_hint(&error).filter(|_| !direct) {
                Some(hint) => whole.and_hint(&hint),
                None => whole,
            }
        })?;
        tracing::debug!(operation, endpoint = %origin, status = response.status, "answered");
        Ok(response)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("retries", &self.retries)
            .field("timeouts", &self.timeouts)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}
