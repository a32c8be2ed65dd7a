//! Requests as they arrived, for tests to inspect.

use crate::call::Call;
use crate::state::jwt::Jwt;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::fmt;

/// Form fields that authorize their sender.
const SECRET_FIELDS: [&str; 5] = [
    "WebIdentityToken",
    "assertion",
    "client_secret",
    "refresh_token",
    "subject_token",
];

/// A request as it arrived. `Debug` shows neither its body nor its headers' values.
#[derive(Clone)]
pub struct RecordedRequest {
    call: Call,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl RecordedRequest {
    pub(crate) fn new(call: Call, head: http::request::Parts, body: Bytes) -> Self {
        Self {
            call,
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body,
        }
    }

    /// The API method it calls.
    pub fn call(&self) -> Call {
        self.call
    }

    /// The method, e.g. `POST`.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The path as sent, still percent-encoded.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The pairs of the query string, decoded, in order.
    pub fn query(&self) -> Vec<(String, String)> {
        pairs(self.uri.query().unwrap_or_default())
    }

    /// The first header of this name; `None` if it is missing or not ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers in order, without those whose value is not ASCII.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    /// The body as sent.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The pairs of the body, decoded as `application/x-www-form-urlencoded`.
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }

    /// The body as JSON, if it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The claims of the assertion: from the form's `assertion` at the token endpoint, from the
    /// `payload` at `signJwt`.
    pub fn assertion_claims(&self) -> Option<Value> {
        match self.call {
            Call::SignJwt => serde_json::from_str(self.json()?.get("payload")?.as_str()?).ok(),
            _ => self.claims_of("assertion"),
        }
    }

    /// The claims of the ID token that was sent to STS.
    pub fn id_token_claims(&self) -> Option<Value> {
        self.claims_of("WebIdentityToken")
    }

    /// The secrets that were sent.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let form = self.form();
        let fields = SECRET_FIELDS.iter().filter_map(|name| first(&form, name));
        let mut secrets: Vec<_> = fields.map(str::to_owned).collect();
        let authorization = self.header("authorization").unwrap_or_default();
        match authorization.split_once(' ') {
            Some(("Bearer", token)) => secrets.push(token.to_owned()),
            Some(("Basic", pair)) => {
                secrets.push(pair.to_owned());
                let pair = STANDARD.decode(pair).unwrap_or_default();
                if let Some((_, secret)) = String::from_utf8_lossy(&pair).split_once(':') {
                    secrets.push(secret.to_owned());
                }
            }
            _ => {}
        }
        secrets
    }

    fn claims_of(&self, field: &str) -> Option<Value> {
        let form = self.form();
        Some(Jwt::parse(first(&form, field)?)?.into_claims())
    }

    /// The path, decoded: clients may percent-encode `:` and `@`.
    pub(crate) fn decoded_path(&self) -> String {
        decoded_path(&self.uri)
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query: Vec<_> = self.query().into_iter().map(|(name, _)| name).collect();
        let headers: Vec<_> = self.headers.keys().collect();
        f.debug_struct("RecordedRequest")
            .field("call", &self.call)
            .field("method", &self.method)
            .field("path", &self.path())
            .field("query", &query)
            .field("headers", &headers)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

pub(crate) fn decoded_path(uri: &Uri) -> String {
    percent_decode_str(uri.path())
        .decode_utf8_lossy()
        .into_owned()
}

/// The first value of this name.
pub(crate) fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

pub(crate) fn pairs(encoded: &str) -> Vec<(String, String)> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    encoded
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(call: Call, uri: &str, body: &str) -> RecordedRequest {
        let head = http::Request::post(uri)
            .header("authorization", "Bearer hush-1")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        RecordedRequest::new(call, head, Bytes::copy_from_slice(body.as_bytes()))
    }

    #[test]
    fn query_and_form_are_decoded_in_order() {
        let request = request(Call::Other, "/p?a=1%202&b=x+y&a=%3D", "c=%26&d&=e");
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            request.query(),
            [pair("a", "1 2"), pair("b", "x y"), pair("a", "=")]
        );
        assert_eq!(
            request.form(),
            [pair("c", "&"), pair("d", ""), pair("", "e")]
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let request = request(Call::Sts, "/?WebIdentityToken=hush-2", "assertion=hush-3");
        let debug = format!("{request:?}");
        assert!(!debug.contains("hush"), "{debug}");
        assert!(debug.contains("authorization"), "{debug}");
    }

    #[test]
    fn claims_come_from_the_field_of_the_call() {
        let signing = request(Call::SignJwt, "/", r#"{"payload":"{\"iss\":\"robot\"}"}"#);
        assert_eq!(signing.assertion_claims().unwrap()["iss"], "robot");
        let exchange = request(
            Call::TokenEndpoint,
            "/",
            "assertion=e30.eyJpc3MiOiJyb2JvdCJ9.AA",
        );
        assert_eq!(exchange.assertion_claims().unwrap()["iss"], "robot");
        assert_eq!(exchange.id_token_claims(), None);
    }
}
