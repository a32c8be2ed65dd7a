//! The HTTP clients: one for all requests, and one that bypasses the proxy.

use super::roots;
use crate::environment::Environment;
use crate::redact::HiddenAnswers;
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::SdkConfig;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The client for all requests, and the one that bypasses the proxy. A client of the user's own
/// serves as both.
pub(super) fn http_clients(
    conf: &SdkConfig,
    environment: &Environment,
) -> (SharedHttpClient, SharedHttpClient) {
    let guarded = |client| SharedHttpClient::new(HiddenAnswers(client));
    if let Some(client) = conf.http_client() {
        let client = guarded(client);
        return (client.clone(), client);
    }
    let ours = |proxy, uses_proxy| {
        guarded(SharedHttpClient::new(Client(Arc::new(Inner {
            proxy,
            uses_proxy,
            environment: environment.clone(),
            connectors: Mutex::default(),
        }))))
    };
    (
        ours(ProxyConfig::from_env(), true),
        ours(ProxyConfig::disabled(), false),
    )
}

/// The SDK's default client with three differences. Plain http needs no root certificates, so none
/// are loaded before the first https request. `AWS_CA_BUNDLE` is read. And connections are not
/// pooled: exchanges are minutes apart, and a pooled connection dies with the runtime that opened
/// it.
#[derive(Clone, Debug)]
struct Client(Arc<Inner>);

struct Inner {
    proxy: ProxyConfig,
    uses_proxy: bool,
    environment: Environment,
    /// There are few timeouts, so there are few connectors. TLS sessions resume within a connector.
    /// A provider has one sleep, so it is not part of the key.
    connectors: Mutex<HashMap<Key, SharedHttpConnector>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

/// What a connector depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    has_roots: bool,
    connect_timeout: Option<Duration>,
    read_timeout: Option<Duration>,
}

impl HttpClient for Client {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(ByScheme {
            client: self.0.clone(),
            settings: settings.clone(),
            sleep: components.sleep_impl(),
        })
    }
}

/// Chooses the connector when it knows the request.
#[derive(Debug)]
struct ByScheme {
    client: Arc<Inner>,
    settings: HttpConnectorSettings,
    sleep: Option<SharedAsyncSleep>,
}

impl HttpConnector for ByScheme {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        // The connection to an https proxy needs roots as well.
        let has_roots = request.uri().starts_with("https:")
            || self.client.uses_proxy && self.client.environment.has_https_proxy();
        match self.connector(has_roots) {
            Ok(connector) => connector.call(request),
            Err(no_roots) => HttpConnectorFuture::ready(Err(ConnectorError::user(no_roots.into()))),
        }
    }
}

impl ByScheme {
    /// The connector for these settings. Missing roots are not cached, so that they can be
    /// installed without a restart.
    fn connector(&self, has_roots: bool) -> Result<SharedHttpConnector, roots::NoRoots> {
        let key = Key {
            has_roots,
            connect_timeout: self.settings.connect_timeout(),
            read_timeout: self.settings.read_timeout(),
        };
        let connectors = &self.client.connectors;
        let mut connectors = connectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connector) = connectors.get(&key) {
            return Ok(connector.clone());
        }
        let context = match has_roots {
            true => roots::load(&self.client.environment)?,
            false => roots::none(),
        };
        let mut builder = Connector::builder()
            .connector_settings(self.settings.clone())
            .proxy_config(self.client.proxy.clone())
            .pool_max_idle_per_host(0)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context);
        builder.set_sleep_impl(self.sleep.clone());
        let connector = SharedHttpConnector::new(builder.build());
        connectors.insert(key, connector.clone());
        Ok(connector)
    }
}
