//! Google's infrastructure or elsewhere, and a metadata server that is missing or late.

use crate::refresh::world::{Clock, World, seconds};
use crate::support::watch;
use crate::support::{builder, chain, from_emulator, sdk_config};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{
    Builder, Error, ErrorKind, GoogleWebIdentityProvider, MetadataServer, Stage,
};
use aws_google_web_identity_emulator::{Answer, Call, Fault};
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use aws_smithy_types::retry::RetryConfig;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const POD: (&str, &str) = ("KUBERNETES_SERVICE_HOST", "10.0.0.1");
const GOOGLES: Option<&str> = Some("Google Compute Engine");

/// A configuration in which any request, and so any DNS look-up, fails the test.
fn without_network() -> Builder {
    let http = infallible_client_fn(|request| -> http::Response<&str> {
        panic!("called {}", request.uri())
    });
    builder().configure(&sdk_config().into_builder().http_client(http).build())
}

#[tokio::test]
async fn elsewhere_nothing_is_sent_and_a_chain_goes_on() {
    for explicit in [true, false] {
        for (builder, because) in [
            (
                without_network().product_name(Some("m5.large")),
                "the firmware calls the machine \"m5.large\"",
            ),
            (
                without_network()
                    .environment([("NO_GCE_CHECK", "true")])
                    .product_name(GOOGLES),
                "NO_GCE_CHECK is set",
            ),
            (
                without_network().environment([POD, ("K_SERVICE", "knative")]),
                "the firmware calls the machine",
            ),
        ] {
            let builder = match explicit {
                true => builder.token_source(MetadataServer::new()),
                false => builder,
            };
            let provider = builder.build().await.unwrap();
            let error = provider.id_token().await.unwrap_err();
            assert_eq!(
                (error.stage(), error.kind()),
                (Stage::Metadata, ErrorKind::NotConfigured)
            );
            for says in [
                because,
                "GOOGLE_APPLICATION_CREDENTIALS or LocalKey",
                if explicit {
                    ""
                } else {
                    "GOOGLE_APPLICATION_CREDENTIALS is not set, and neither CLOUDSDK_CONFIG nor HOME is set"
                },
            ] {
                assert!(format!("{error:#}").contains(says), "{says:?}: {error}");
            }
            let next = Credentials::for_tests();
            let chain = CredentialsProviderChain::first_try("Google", provider)
                .or_else("next", next.clone());
            assert_eq!(chain.provide_credentials().await.unwrap(), next);
        }
    }
}

/// A provider on a machine without signs of where it runs, with this server at the metadata
/// server's address.
async fn unclear(address: &str, world: &World) -> GoogleWebIdentityProvider {
    GoogleWebIdentityProvider::builder(crate::support::ROLE)
        .audience(crate::support::AUDIENCE)
        .token_source(MetadataServer::new())
        .configure(&world.sdk_config())
        .environment([("GCE_METADATA_IP", address)])
        .product_name(None)
        .build()
        .await
        .unwrap()
}

#[tokio::test]
async fn without_signs_the_metadata_servers_address_is_asked_for_150_ms() {
    let world = World::new().await;
    let host = world.emulator.metadata_host().to_owned();
    let not_here = |error: &Error| {
        assert_eq!(error.kind(), ErrorKind::NotConfigured, "{error}");
        assert!(
            format!("{error:#}").contains(&format!(
                "nothing at http://{host} answered as Google's metadata server (it was given 150 ms)"
            )),
            "{error:#}"
        );
    };
    let provider = unclear(&host, &world).await;

    // Another server: no flavor, or not even HTTP.
    let without_flavor = Answer::genuine().without_header("metadata-flavor");
    for fault in [None, Some(Fault::not_http()), Some(Fault::close())] {
        world.emulator.forget_requests();
        match fault {
            None => world
                .emulator
                .answer_next(Call::Other, 1, without_flavor.clone()),
            Some(fault) => world.emulator.fail_next(Call::Other, 1, fault),
        }
        not_here(&provider.id_token().await.unwrap_err());
        assert_eq!(world.emulator.requests().len(), 1, "one request, no retry");
    }
    // Silence.
    world.emulator.forget_requests();
    world.emulator.fail_next(Call::Other, 1, Fault::hang());
    let asking = tokio::spawn({
        let provider = provider.clone();
        async move { provider.id_token().await }
    });
    world.until("it asks", || world.clock.sleepers() > 0).await;
    world.emulator.reached(Call::Other, 1).await;
    world.clock.advance(Duration::from_millis(149));
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!asking.is_finished());
    world.clock.advance(Duration::from_millis(1));
    not_here(&asking.await.unwrap().unwrap_err());

    // The failure is not cached, since a pod can start before its metadata server. The name does
    // not resolve here, so the address is used.
    world.emulator.forget_requests();
    let asking = provider.clone();
    let (token, _) = waits(
        &world.clock,
        async move { asking.id_token().await.unwrap() },
    )
    .await;
    assert_eq!(token.claims().aud, crate::support::AUDIENCE);
    let probes = world.emulator.requests_of(Call::Other);
    assert_eq!(probes[0].header("metadata-flavor"), Some("Google"));
    // From then on the address is used at once.
    world.emulator.forget_requests();
    provider.id_token().await.unwrap();
    assert_eq!(world.emulator.requests_of(Call::MetadataIdentity).len(), 1);
}

/// A resolver that never answers, and counts the look-ups.
#[derive(Clone, Debug, Default)]
struct HangingDns(Arc<AtomicUsize>);

impl ResolveDns for HangingDns {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        assert_eq!(name, "metadata.google.internal.", "no search list");
        self.0.fetch_add(1, Ordering::SeqCst);
        DnsFuture::new(std::future::pending())
    }
}

#[tokio::test]
async fn a_dns_look_up_that_hangs_costs_time_on_googles_infrastructure_only() {
    let world = World::new().await;
    for (variables, product_name, asked, waited) in [
        // Cloud Run: until the operation timeout, in attempts as long as the connect timeout.
        (
            vec![("K_SERVICE", "s"), ("GCE_METADATA_IP", "127.0.0.1:1")],
            None,
            1..=3,
            seconds(10),
        ),
        (vec![], Some("m5.large"), 0..=0, seconds(0)),
        // A request to the address needs no name.
        (
            vec![("GCE_METADATA_IP", "127.0.0.1:1")],
            None,
            0..=0,
            seconds(0),
        ),
    ] {
        let dns = HangingDns::default();
        let client = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(
                tls::rustls_provider::CryptoMode::AwsLc,
            ))
            .build_with_resolver(dns.clone());
        let config = world.sdk_config().into_builder().http_client(client);
        let provider = world
            .builder()
            .token_source(MetadataServer::new())
            .configure(&config.build())
            .environment(variables)
            .product_name(product_name)
            .build()
            .await
            .unwrap();
        let session = async move { provider.session().await.unwrap_err() };
        let (error, took) = waits(&world.clock, session).await;
        let asks = dns.0.load(Ordering::SeqCst);
        assert!(asked.contains(&asks), "{asks} look-ups: {}", chain(&error));
        assert!(took <= waited, "{took:?}: {}", chain(&error));
        let kind = if asks > 0 {
            ErrorKind::Timeout
        } else {
            ErrorKind::NotConfigured
        };
        assert_eq!((error.stage(), error.kind()), (Stage::Metadata, kind));
        assert_eq!(
            asks > 0,
            chain(&error).contains("http://metadata.google.internal"),
            "{}",
            chain(&error)
        );
    }
}

#[tokio::test]
async fn a_connect_timeout_says_no_connection_in_time() {
    let world = World::new().await;
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::AwsLc,
        ))
        .build_with_resolver(HangingDns::default());
    let config = world.sdk_config().into_builder().http_client(client);
    let provider = world
        .builder()
        .token_source(MetadataServer::new())
        .configure(&config.retry_config(RetryConfig::disabled()).build())
        .environment([("K_SERVICE", "s"), ("GCE_METADATA_IP", "127.0.0.1:1")])
        .build()
        .await
        .unwrap();
    let session = async move { provider.session().await.unwrap_err() };
    let (error, took) = waits(&world.clock, session).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
    for says in [
        ": no connection",
        "on Google's infrastructure: K_SERVICE is set; if that is wrong, set NO_GCE_CHECK=true",
    ] {
        assert!(chain(&error).contains(says), "{error}");
    }
    assert_eq!(took.as_secs(), 3, "the SDK's own 3.1 s: {took:?}");
}

/// A provider in a pod of GKE.
async fn pod(world: &World) -> GoogleWebIdentityProvider {
    world
        .builder()
        .token_source(MetadataServer::new())
        .refresh_policy(aws_google_web_identity::RefreshPolicy::new().deadline(seconds(45)))
        .environment([POD, ("GCE_METADATA_HOST", world.emulator.metadata_host())])
        .build()
        .await
        .unwrap()
}

/// Advances the clock until the task is done, and returns by how much.
pub async fn waits<T: Send + 'static>(
    clock: &Clock,
    task: impl Future<Output = T> + Send + 'static,
) -> (T, Duration) {
    let task = tokio::spawn(task);
    let mut waited = Duration::ZERO;
    let step = Duration::from_millis(100);
    while !task.is_finished() {
        // Loopback takes real time, in which the clock must stand still.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        if clock.sleepers() > 0 {
            clock.advance(step);
            waited += step;
        }
        assert!(waited < seconds(120), "it waits forever");
    }
    (task.await.unwrap(), waited)
}

#[tokio::test]
async fn a_young_pod_waits_for_its_metadata_server() {
    for asked_for in ["session", "refresh", "ID token"] {
        let world = World::new().await;
        let provider = pod(&world).await;
        world
            .emulator
            .refuse_connections(Call::MetadataIdentity)
            .await
            .unwrap();
        let emulator = world.emulator.clone();
        let clock = world.clock.clone();
        let start = clock.now();
        let asks = async move {
            match asked_for {
                "session" => provider.session().await.map(drop),
                "refresh" => provider.refresh().await,
                _ => provider.id_token().await.map(drop),
            }
        };
        let (comes, (result, waited)) = tokio::join!(
            async {
                while clock.now() < start + seconds(17) {
                    tokio::task::yield_now().await;
                }
                emulator.accept_connections(Call::MetadataIdentity).await
            },
            waits(&world.clock, asks)
        );
        comes.unwrap();
        result.expect("the server came after 17 s, within the 30 s");
        assert!(waited >= seconds(17) && waited < seconds(22), "{waited:?}");
    }
}

#[tokio::test]
async fn a_pod_without_a_metadata_server_gives_up_after_30_seconds_in_all() {
    let world = World::new().await;
    let call = Call::MetadataIdentity;
    for name in ["close", "hang", "503", "429"] {
        let provider = pod(&world).await;
        let emulator = &world.emulator;
        match name {
            "close" => emulator.fail_next(call, usize::MAX, Fault::close()),
            "hang" => emulator.fail_next(call, usize::MAX, Fault::hang()),
            status => {
                let status = Answer::status(status.parse().unwrap());
                emulator.answer_next(call, usize::MAX, status);
            }
        }
        let callers = futures_util::future::join_all((0..3).map(|_| {
            let provider = provider.clone();
            async move { provider.session().await.unwrap_err() }
        }));
        let (errors, waited) = waits(&world.clock, callers).await;
        for error in errors {
            assert_eq!(error.stage(), Stage::Metadata, "{name}: {error}");
            assert!(error.is_retryable(), "{error}");
            assert!(
                format!("{error:#}").contains("is the metadata server of this node running"),
                "{error:#}"
            );
        }
        assert!(waited >= seconds(29) && waited <= seconds(41), "{waited:?}");
        // The next request is not retried that long.
        world.clock.advance(seconds(2));
        let again = provider.clone();
        let (error, waited) = waits(
            &world.clock,
            async move { again.session().await.unwrap_err() },
        )
        .await;
        assert!(waited <= seconds(11), "{waited:?}: {error}");
        // It recovers.
        world.emulator.answer_genuinely();
        world.clock.advance(seconds(61));
        provider
            .id_token()
            .await
            .expect("a genuine answer ends the outage");
    }
}

#[tokio::test]
async fn a_refusal_of_the_metadata_server_is_not_retried() {
    let world = World::new().await;
    let provider = pod(&world).await;
    let gone = Answer::status(404)
        .header("metadata-flavor", "Google")
        .body("Service account not enabled on this instance");
    world.emulator.answer_next(Call::MetadataIdentity, 1, gone);
    let asking = provider.clone();
    let (error, waited) = waits(
        &world.clock,
        async move { asking.session().await.unwrap_err() },
    )
    .await;
    assert_eq!(waited, Duration::ZERO);
    assert!(
        format!("{error:#}").contains("no service account \"default\" is attached"),
        "{error:#}"
    );
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn outside_kubernetes_there_are_only_the_transports_retries() {
    let emulator = watch::start().await;
    let provider = from_emulator(&emulator)
        .environment([("GCE_METADATA_HOST", emulator.metadata_host())])
        .build()
        .await
        .unwrap();
    emulator.answer_next(Call::MetadataIdentity, usize::MAX, Answer::status(503));
    let error = provider.id_token().await.unwrap_err();
    assert_eq!(
        emulator.requests_of(Call::MetadataIdentity).len(),
        3,
        "{}",
        chain(&error)
    );
}

#[tokio::test]
async fn include_email_asks_for_a_token_with_the_email() {
    let emulator = watch::start().await;
    for include in [true, false] {
        let source = MetadataServer::new().endpoint(emulator.metadata_endpoint());
        let provider = crate::support::with(&emulator, source.include_email(include)).await;
        let token = provider.id_token().await.unwrap();
        assert_eq!(token.claims().email.is_some(), include);
    }
}
