//! HTTP clients that hide from the SDK what it would log: headers, and answers until they are read.

use super::limited::limited;
use crate::redact::shown;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};
use aws_smithy_types::config_bag::ConfigBag;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Caps and hides the answers of a client. At TRACE the SDK logs an answer as it arrives; if its body
/// is already in memory, as a user's own client may return it, the log would show the tokens in it.
/// The SDK also buffers a whole answer, whatever its size.
#[derive(Debug)]
pub(crate) struct Guarded(pub(crate) SharedHttpClient);

impl HttpClient for Guarded {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(GuardedConnector(
            self.0.http_connector(settings, components),
        ))
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[derive(Debug)]
struct GuardedConnector(SharedHttpConnector);

impl HttpConnector for GuardedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { Ok(answer.await?.map(limited)) })
    }
}

/// Headers by name. Their values may be secrets.
pub(crate) type Headers = Vec<(Cow<'static, str>, Zeroizing<String>)>;

/// The cause is not kept: it could show the value.
#[derive(Debug, thiserror::Error)]
#[error("the header {0} has a name or a value that HTTP does not allow, such as a line break")]
struct NotAHeader(String);

/// Adds headers to the one request that it is made for, below the SDK, which logs a request's headers
/// at TRACE (except `authorization`).
pub(crate) struct WithHeaders {
    pub(crate) client: SharedHttpClient,
    pub(crate) headers: Arc<Headers>,
}

impl fmt::Debug for WithHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithHeaders").field(&self.client).finish()
    }
}

impl HttpClient for WithHeaders {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(WithHeadersConnector {
            connector: self.client.http_connector(settings, components),
            headers: self.headers.clone(),
        })
    }
}

struct WithHeadersConnector {
    connector: SharedHttpConnector,
    headers: Arc<Headers>,
}

impl fmt::Debug for WithHeadersConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WithHeadersConnector")
            .field(&self.connector)
            .finish()
    }
}

impl HttpConnector for WithHeadersConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        for (name, value) in self.headers.iter() {
            let (lower, value) = (name.to_ascii_lowercase(), value.as_str().to_owned());
            if request.headers_mut().try_insert(lower, value).is_err() {
                let error = NotAHeader(shown(name));
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        }
        self.connector.call(request)
    }
}
