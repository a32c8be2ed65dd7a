//! The requests to Google and AWS, timed where they leave: in the HTTP client.

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub const STS: &str = "AWS STS";
pub const S3: &str = "Amazon S3";
const METADATA: &str = "Google metadata server";
const IAM: &str = "Google IAM Credentials";
const TOKEN_ENDPOINT: &str = "Google token endpoint";

/// The latest request to a server.
#[derive(Clone, Debug)]
pub struct Hop {
    pub name: &'static str,
    pub server: String,
    /// `None`: no answer.
    pub status: Option<u16>,
    pub took: Duration,
    pub at: Instant,
}

impl Hop {
    pub fn failed(&self) -> bool {
        self.status.is_none_or(|status| status >= 400)
    }

    /// What the tokens come from, if this is a hop to Google.
    pub fn source(&self) -> Option<&'static str> {
        match self.name {
            METADATA => Some("the attached account, from the metadata server"),
            IAM => Some("an impersonated account, from IAM Credentials"),
            TOKEN_ENDPOINT => Some("a credentials file, from the token endpoint"),
            _ => None,
        }
    }
}

/// An HTTP client that notes the latest request to each server. Unlike the library's own client it
/// uses no proxy.
#[derive(Clone, Debug, Default)]
pub struct Hops(Arc<Mutex<Vec<Hop>>>);

impl Hops {
    pub fn client(&self) -> SharedHttpClient {
        let inner = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build_https();
        SharedHttpClient::new(Timed {
            inner,
            hops: self.clone(),
        })
    }

    /// In the order of an exchange.
    pub fn latest(&self) -> Vec<Hop> {
        const ORDER: [&str; 5] = [METADATA, TOKEN_ENDPOINT, IAM, STS, S3];
        let mut hops = self.lock().clone();
        hops.sort_by_key(|hop| ORDER.iter().position(|name| *name == hop.name));
        hops
    }

    fn note(&self, hop: Hop) {
        let mut hops = self.lock();
        hops.retain(|other| other.name != hop.name);
        hops.push(hop);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Hop>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Debug)]
struct Timed<T> {
    inner: T,
    hops: Hops,
}

impl HttpClient for Timed<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Timed {
            inner: self.inner.http_connector(settings, components),
            hops: self.hops.clone(),
        })
    }
}

impl HttpConnector for Timed<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (name, server) = (name(&request), server(request.uri()));
        let (hops, at) = (self.hops.clone(), Instant::now());
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            let status = answer.as_ref().ok();
            hops.note(Hop {
                name,
                server,
                status: status.map(|answer| answer.status().as_u16()),
                took: at.elapsed(),
                at,
            });
            answer
        })
    }
}

fn name(request: &HttpRequest) -> &'static str {
    let path = request.uri().split('?').next().unwrap_or_default();
    let headers = request.headers();
    match () {
        () if path.contains("/computeMetadata/") => METADATA,
        () if path.contains("/serviceAccounts/") => IAM,
        () if headers.contains_key("x-amz-content-sha256") => S3,
        () if headers.contains_key("x-amz-user-agent") => STS,
        () => TOKEN_ENDPOINT,
    }
}

/// Scheme and authority: a path or a query may say more than a page should.
fn server(uri: &str) -> String {
    let parts: Vec<_> = uri.splitn(4, '/').take(3).collect();
    parts
        .join("/")
        .split('?')
        .next()
        .unwrap_or_default()
        .to_owned()
}
