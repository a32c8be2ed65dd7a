//! What the SDK must not see, because it would print it.

use crate::redact::limited::limited;
use crate::redact::quote::shown;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, SensitiveOutput};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::{ConfigBag, Layer};
use bytes::Bytes;
use http_body_util::Full;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The body of a request, of a type that the SDK cannot look into, made by a function. It prints
/// other bodies at TRACE, and in the error for an endpoint that does not fit.
pub(crate) fn opaque(bytes: Bytes) -> SdkBody {
    SdkBody::retryable(move || SdkBody::from_body_1_x(Full::new(bytes.clone())))
}

/// Keeps what is read from an answer out of the SDK's logs.
pub(crate) fn hide_output(layer: &mut Layer) {
    layer.store_put(SensitiveOutput);
}

/// What happened on the way, as text: an error of the SDK holds the answer, and shows it. The
/// innermost two causes say what happened; the outer ones are the SDK's own wrapping.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<String> = std::iter::successors(error.source(), |&error| error.source())
        .map(ToString::to_string)
        .collect();
    let inner = texts.len().saturating_sub(2);
    texts[inner..].join(": ")
}

/// The client of every stage: it hides answers from the SDK and caps them.
///
/// At TRACE the SDK prints an answer as it arrives if its body is in memory already, as an HTTP
/// client of the user's own may give it, with the tokens in it.
#[derive(Debug)]
pub(crate) struct HiddenAnswers(pub(crate) SharedHttpClient);

impl HttpClient for HiddenAnswers {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(HiddenAnswersConnector(
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
struct HiddenAnswersConnector(SharedHttpConnector);

impl HttpConnector for HiddenAnswersConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { Ok(answer.await?.map(limited)) })
    }
}

/// Headers by name. Their values are secrets, or may be.
pub(crate) type Headers = Vec<(Cow<'static, str>, Zeroizing<String>)>;

/// The cause is not kept: it could show the value.
#[derive(Debug, thiserror::Error)]
#[error("the header {0} has a name or a value that HTTP does not allow, such as a line break")]
struct NotAHeader(String);

#[derive(Debug, thiserror::Error)]
#[error("the query of the URL is none that HTTP allows")]
struct NotAQuery;

/// What the SDK must not see of a request.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) headers: Headers,
    /// Without its question mark; empty for none.
    pub(crate) query: Zeroizing<String>,
}

/// A client that adds these parts to the one request that it is made for, below the SDK: at TRACE
/// that prints the URI of a request, and all its headers except `authorization`.
pub(crate) struct HiddenParts {
    pub(crate) client: SharedHttpClient,
    pub(crate) parts: Arc<Parts>,
}

impl fmt::Debug for HiddenParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HiddenParts").field(&self.client).finish()
    }
}

impl HttpClient for HiddenParts {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(HiddenPartsConnector {
            connector: self.client.http_connector(settings, components),
            parts: self.parts.clone(),
        })
    }
}

struct HiddenPartsConnector {
    connector: SharedHttpConnector,
    parts: Arc<Parts>,
}

impl fmt::Debug for HiddenPartsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HiddenPartsConnector")
            .field(&self.connector)
            .finish()
    }
}

impl HttpConnector for HiddenPartsConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let Parts { headers, query } = &*self.parts;
        if !query.is_empty() {
            let uri = Zeroizing::new(format!("{}?{}", request.uri(), query.as_str()));
            if request.set_uri(uri.as_str()).is_err() {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(NotAQuery.into())));
            }
        }
        for (name, value) in headers {
            let (lower, value) = (name.to_ascii_lowercase(), value.as_str().to_owned());
            if request.headers_mut().try_insert(lower, value).is_err() {
                let error = NotAHeader(shown(name));
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        }
        self.connector.call(request)
    }
}
