//! Connections whose runtime ended.

use crate::support::{from_emulator, quick, watch};
use aws_google_web_identity::MetadataServer;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use tokio::runtime::{Builder, Runtime};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn a_connection_dies_with_its_runtime_and_the_next_exchange_succeeds() {
    let servers = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let emulator = servers.block_on(watch::start());
    let pooled = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    let config = quick(&emulator.sdk_config());
    for config in [
        config.clone(),
        config.into_builder().http_client(pooled).build(),
    ] {
        let source = MetadataServer::new().endpoint(emulator.metadata_endpoint());
        let builder = from_emulator(&emulator)
            .configure(&config)
            .token_source(source);
        let provider = servers.block_on(builder.build()).unwrap();
        for _ in 0..3 {
            let short_lived = runtime();
            short_lived.block_on(provider.refresh()).unwrap();
            drop(short_lived);
        }
    }
}
