//! A server's answer, before it becomes HTTP.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, SizeHint};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    /// Boxed because a `Reply` is the `Err` of most functions here.
    pub(crate) headers: Box<HeaderMap>,
    pub(crate) body: ReplyBody,
}

#[derive(Clone)]
pub(crate) enum ReplyBody {
    Bytes(Bytes),
    /// This many spaces, generated while they are sent.
    Blank(u64),
}

impl Reply {
    pub(crate) fn new(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self {
            status,
            headers: Box::new(headers),
            body: ReplyBody::Bytes(body.into()),
        }
    }

    pub(crate) fn json(status: StatusCode, body: &Value) -> Self {
        Self::new(status, "application/json; charset=UTF-8", body.to_string())
    }

    /// An error of the token endpoint (RFC 6749, 5.2).
    pub(crate) fn oauth_error(status: StatusCode, error: &str, description: &str) -> Self {
        Self::json(
            status,
            &json!({"error": error, "error_description": description}),
        )
    }

    /// An error of [Google's APIs](https://cloud.google.com/apis/design/errors#http_mapping).
    pub(crate) fn api_error(code: StatusCode, status: &str, message: &str) -> Self {
        Self::json(
            code,
            &json!({"error": {"code": code.as_u16(), "message": message, "status": status}}),
        )
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "text/plain", "Not Found")
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn into_response(self) -> http::Response<ReplyBytes> {
        let mut response = http::Response::new(match self.body {
            ReplyBody::Bytes(bytes) => Either::Left(Full::new(bytes)),
            ReplyBody::Blank(left) => Either::Right(Blank { left }),
        });
        *response.status_mut() = self.status;
        *response.headers_mut() = *self.headers;
        response
    }
}

/// The body of a response.
pub(crate) type ReplyBytes = Either<Full<Bytes>, Blank>;

/// A body of spaces that is never in memory as a whole.
pub(crate) struct Blank {
    left: u64,
}

impl Body for Blank {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static SPACES: [u8; 16_384] = [b' '; 16_384];
        let length = self.left.min(SPACES.len() as u64);
        self.left -= length;
        Poll::Ready((length > 0).then(|| {
            let chunk = &SPACES[..usize::try_from(length).unwrap_or_default()];
            Ok(Frame::data(Bytes::from_static(chunk)))
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
