//! Answers of the endpoint.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::json;

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

pub(super) type Answer = Response<Full<Bytes>>;

pub(super) fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let content_type = HeaderValue::from_static(content_type);
    headers.insert(header::CONTENT_TYPE, content_type);
    let no_store = HeaderValue::from_static("no-store");
    headers.insert(header::CACHE_CONTROL, no_store);
    answer
}

/// An error. Go and Java read `code` and `message`, JavaScript `Code` and `Message`.
pub(super) fn refusal(status: StatusCode, code: &str, message: &str) -> Answer {
    let body = json!({"code": code, "message": message, "Code": code, "Message": message});
    answer(status, JSON, body.to_string().into())
}
