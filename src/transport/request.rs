//! A request to one of Google's endpoints, from its parts.

use super::endpoint::Endpoint;
use crate::error::Stage;
use crate::redact::{Parts, opaque};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::borrow::Cow;
use std::time::Duration;
use zeroize::Zeroizing;

/// A request that [`Transport::send`](super::Transport::send) sends. It has no `Debug` because it
/// holds secrets.
pub(crate) struct Request {
    pub(super) stage: Stage,
    /// For logs and traces, such as `signJwt`.
    pub(super) operation: &'static str,
    pub(super) endpoint: Endpoint,
    path: String,
    pub(super) hidden: Parts,
    body: Option<Body>,
    pub(super) direct: bool,
    pub(super) once: Option<Duration>,
}

impl Request {
    /// A GET of the endpoint. `operation` names the request in logs and errors.
    pub(crate) fn get(stage: Stage, operation: &'static str, endpoint: &Endpoint) -> Self {
        Self {
            stage,
            operation,
            endpoint: endpoint.clone(),
            path: String::new(),
            hidden: Parts::default(),
            body: None,
            direct: false,
            once: None,
        }
    }

    /// A POST of this body.
    pub(crate) fn post(
        stage: Stage,
        operation: &'static str,
        endpoint: &Endpoint,
        body: Body,
    ) -> Self {
        Self {
            body: Some(body),
            ..Self::get(stage, operation, endpoint)
        }
    }

    /// Appends a path, a query, or both to the endpoint's own path.
    pub(crate) fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Adds a query. It is treated as a secret.
    pub(crate) fn query(mut self, query: &str) -> Self {
        self.hidden.query = Zeroizing::new(query.to_owned());
        self
    }

    /// Adds a header. Its value is treated as a secret.
    pub(crate) fn header(mut self, name: impl Into<Cow<'static, str>>, value: &str) -> Self {
        let value = Zeroizing::new(value.to_owned());
        self.hidden.headers.push((name.into(), value));
        self
    }

    /// Adds an access token.
    pub(crate) fn bearer(self, token: &str) -> Self {
        let value = Zeroizing::new(format!("Bearer {token}"));
        self.header("authorization", &value)
    }

    /// Bypasses the proxy.
    pub(crate) fn direct(mut self) -> Self {
        self.direct = true;
        self
    }

    /// Makes one attempt of at most this long, instead of the configured retries and timeouts.
    pub(crate) fn once(mut self, within: Duration) -> Self {
        self.once = Some(within);
        self
    }

    pub(super) fn to_http(&self) -> Result<HttpRequest, BoxError> {
        let method = if self.body.is_some() { "POST" } else { "GET" };
        let mut request = http::Request::builder()
            .method(method)
            .uri(self.endpoint.with(&self.path));
        let sdk_body = match &self.body {
            Some(Body {
                content_type,
                bytes,
            }) => {
                request = request
                    .header("content-type", *content_type)
                    .header("content-length", bytes.len());
                opaque(Bytes::copy_from_slice(bytes))
            }
            None => SdkBody::empty(),
        };
        Ok(request.body(sdk_body)?.try_into()?)
    }
}

/// What a POST sends.
pub(crate) struct Body {
    content_type: &'static str,
    bytes: Zeroizing<Vec<u8>>,
}

impl Body {
    pub(crate) fn json(value: &Value) -> Self {
        Self {
            content_type: "application/json",
            bytes: Zeroizing::new(value.to_string().into_bytes()),
        }
    }

    /// JSON that is text already.
    pub(crate) fn json_text(text: &str) -> Self {
        Self {
            content_type: "application/json",
            bytes: Zeroizing::new(text.as_bytes().to_vec()),
        }
    }

    pub(crate) fn form(form: &[(&str, &str)]) -> Self {
        let longest = form
            .iter()
            .map(|(name, value)| name.len() + 3 * value.len() + 2)
            .sum();
        // The buffer must not grow: a reallocation would leave an unwiped copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(longest));
        for (name, value) in form {
            if !bytes.is_empty() {
                bytes.push(b'&');
            }
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(b'=');
            for part in utf8_percent_encode(value, NON_ALPHANUMERIC) {
                bytes.extend_from_slice(part.as_bytes());
            }
        }
        Self {
            content_type: "application/x-www-form-urlencoded",
            bytes,
        }
    }
}
