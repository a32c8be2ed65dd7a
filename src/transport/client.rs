//! The HTTP clients: one for all requests, and one that bypasses the proxy.

use super::guarded::Guarded;
use crate::build_error::BuildError;
use aws_smithy_http_client::tls;
use aws_smithy_runtime::client::defaults::default_http_client_plugin_v2;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::RuntimePlugin;
use aws_types::SdkConfig;

pub(super) fn http_clients(
    conf: &SdkConfig,
) -> Result<(SharedHttpClient, SharedHttpClient), BuildError> {
    let guarded = |client| SharedHttpClient::new(Guarded(client));
    if let Some(client) = conf.http_client() {
        let client = guarded(client);
        return Ok((client.clone(), client));
    }
    let missing = || {
        BuildError::new(
            "configure",
            "the SdkConfig has no HTTP client and the SDK has no default one; set \
             SdkConfig::builder().http_client(…)",
        )
    };
    let default = default_http_client_plugin_v2(
        conf.behavior_version()
            .unwrap_or_else(BehaviorVersion::latest),
    )
    .and_then(|plugin| {
        plugin
            .runtime_components(&RuntimeComponentsBuilder::new("default"))
            .http_client()
    })
    .ok_or_else(missing)?;
    let direct = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::AwsLc,
        ))
        .build_https();
    Ok((guarded(default), guarded(direct)))
}
