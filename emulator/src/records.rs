//! What the servers were asked, for tests to look at.

use super::jwt::Jwt;
use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::fmt;

/// The part of the way that a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// The metadata server is asked for an ID token.
    MetadataIdentity,
    /// The metadata server is asked for an access token.
    MetadataToken,
    /// The metadata server is asked who the attached account is.
    MetadataEmail,
    /// An assertion or a refresh token is exchanged.
    TokenEndpoint,
    /// IAM is asked to sign a JWT.
    SignJwt,
    /// IAM is asked for an ID token.
    GenerateIdToken,
    /// IAM is asked for an access token.
    GenerateAccessToken,
    /// Google's public keys, or the discovery document that names them.
    Jwks,
    /// AWS STS.
    Sts,
    /// Anything else: a ping of the metadata server, its project id, a path that no server has.
    Other,
}

/// A request as it arrived. `Debug` shows neither the body nor what authorizes it.
#[derive(Clone)]
pub struct RecordedRequest {
    hop: Call,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl RecordedRequest {
    pub(super) fn new(hop: Call, head: http::request::Parts, body: Bytes) -> Self {
        Self {
            hop,
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body,
        }
    }

    /// The hop it belongs to.
    pub fn hop(&self) -> Call {
        self.hop
    }

    /// The method, e.g. `POST`.
    pub fn method(&self) -> &str {
        self.method.as_str()
    }

    /// The path as sent, percent-encoding and all.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The pairs of the query string, decoded, in the order in which they were sent.
    pub fn query(&self) -> Vec<(String, String)> {
        pairs(self.uri.query().unwrap_or_default())
    }

    /// The first header of this name, unless it is missing or not ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers in order; values that are not ASCII are left out.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    /// The body as sent.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body's pairs, decoded as `application/x-www-form-urlencoded`.
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }

    /// The body as JSON, if it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The claims of the assertion: of the form's `assertion` at the token endpoint, of the `payload` at signJwt.
    pub fn assertion_claims(&self) -> Option<Value> {
        match self.hop {
            Call::SignJwt => serde_json::from_str(self.json()?.get("payload")?.as_str()?).ok(),
            _ => self.claims_of("assertion"),
        }
    }

    /// The claims of the ID token that STS was given.
    pub fn id_token_claims(&self) -> Option<Value> {
        self.claims_of("WebIdentityToken")
    }

    fn claims_of(&self, field: &str) -> Option<Value> {
        let form = self.form();
        Some(Jwt::parse(first(&form, field)?)?.into_claims())
    }

    /// The path, decoded: `:` and `@` in it may be percent-encoded.
    pub(super) fn decoded_path(&self) -> String {
        decoded_path(&self.uri)
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let query: Vec<_> = self.query().into_iter().map(|(name, _)| name).collect();
        let headers: Vec<_> = self.headers.keys().collect();
        f.debug_struct("RecordedRequest")
            .field("hop", &self.hop)
            .field("method", &self.method)
            .field("path", &self.path())
            .field("query", &query)
            .field("headers", &headers)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .finish()
    }
}

pub(super) fn decoded_path(uri: &Uri) -> String {
    percent_decode_str(uri.path())
        .decode_utf8_lossy()
        .into_owned()
}

/// The first value of this name.
pub(super) fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

fn pairs(encoded: &str) -> Vec<(String, String)> {
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

    fn request(hop: Call, uri: &str, body: &str) -> RecordedRequest {
        let head = http::Request::post(uri)
            .header("authorization", "Bearer hush-1")
            .body(())
            .unwrap()
            .into_parts()
            .0;
        RecordedRequest::new(hop, head, Bytes::copy_from_slice(body.as_bytes()))
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
    fn claims_are_read_where_the_hop_puts_them() {
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
