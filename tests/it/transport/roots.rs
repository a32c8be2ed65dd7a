//! Root certificates: those that are trusted, and what an error says when a server's is not.

use super::tls::Front;
use crate::support::watch::Watched;
use crate::support::{ROBOT, chain, from_emulator, watch};
use aws_google_web_identity::{Builder, Error, ErrorKind, IamIdToken, MetadataServer, Stage};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use std::path::Path;

/// Calls IAM, or STS, through the TLS server.
fn through(emulator: &Watched, front: &Front, stage: Stage) -> Builder {
    /// Names no endpoint of a service.
    #[derive(Debug)]
    struct NoServiceConfig;
    impl LoadServiceConfig for NoServiceConfig {
        fn load_config(&self, _: ServiceConfigKey<'_>) -> Option<String> {
            None
        }
    }
    let builder = from_emulator(emulator);
    if stage == Stage::Iam {
        let source = IamIdToken::new(ROBOT, metadata(emulator)).endpoint(&front.origin);
        return builder.token_source(source);
    }
    let config = emulator.sdk_config().into_builder();
    let config = config
        .endpoint_url(&front.origin)
        .service_config(NoServiceConfig);
    builder
        .token_source(metadata(emulator))
        .configure(&crate::support::quick(&config.build()))
}

fn metadata(emulator: &Watched) -> MetadataServer {
    MetadataServer::new().endpoint(emulator.metadata_endpoint())
}

fn backend(emulator: &Watched, stage: Stage) -> &str {
    match stage {
        Stage::Iam => emulator.iam_endpoint(),
        _ => emulator.sts_endpoint(),
    }
}

fn assert_configuration(error: &Error, stage: Stage, says: &[&str]) {
    let text = chain(error);
    assert_eq!(
        (error.stage(), error.kind()),
        (stage, ErrorKind::Configuration),
        "{text}"
    );
    for says in says {
        assert!(text.contains(says), "{says:?} is not in: {text}");
    }
}

#[tokio::test]
async fn a_certificate_that_is_rejected_is_a_configuration_error() {
    let emulator = watch::start().await;
    let directory = tempfile::tempdir().unwrap();
    let bundle = directory.path().join("bundle.pem");
    let path = bundle.to_str().unwrap();
    for stage in [Stage::Iam, Stage::Sts] {
        for (is_for, years, is_trusted, says) in [
            (
                "127.0.0.1",
                (2000, 4000),
                false,
                &[
                    "is not trusted",
                    "SSL_CERT_FILE",
                    "SSL_CERT_DIR",
                    "ca-certificates",
                    "AWS_CA_BUNDLE",
                ][..],
            ),
            (
                "sts.example.com",
                (2000, 4000),
                true,
                &["is for another name", "right host"],
            ),
            (
                "127.0.0.1",
                (2000, 2001),
                true,
                &["has expired or is not valid yet", "clock"],
            ),
            (
                "127.0.0.1",
                (3000, 3001),
                true,
                &["has expired or is not valid yet", "clock"],
            ),
        ] {
            let front = Front::start(backend(&emulator, stage), is_for, |params| {
                params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
                params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
            })
            .await;
            std::fs::write(&bundle, &front.authority).unwrap();
            let variables = is_trusted.then_some(("AWS_CA_BUNDLE", path));
            let provider = through(&emulator, &front, stage).environment(variables);
            let error = provider.build().await.unwrap().session().await.unwrap_err();
            assert_configuration(&error, stage, says);
            assert!(chain(&error).contains(&front.origin) || stage == Stage::Sts);
            assert_eq!(front.connections(), 1, "it is not retried");
        }
    }
}

#[tokio::test]
async fn the_authorities_of_aws_ca_bundle_are_trusted() {
    let emulator = watch::start().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("bundle.pem");
    for stage in [Stage::Iam, Stage::Sts] {
        let front = Front::start(backend(&emulator, stage), "127.0.0.1", |_| {}).await;
        // Among others, and with text around it, as bundles have.
        let junk = "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n";
        std::fs::write(&path, format!("# ours\n{junk}{}", front.authority)).unwrap();
        let variables = [("AWS_CA_BUNDLE", path.to_str().unwrap())];
        let provider = through(&emulator, &front, stage).environment(variables);
        provider.build().await.unwrap().session().await.unwrap();
    }
}

#[tokio::test]
async fn an_aws_ca_bundle_that_cannot_be_used_is_named() {
    let emulator = watch::start().await;
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let key = directory.path().join("key.pem");
    std::fs::write(
        &key,
        "-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----\n",
    )
    .unwrap();
    let garbage = directory.path().join("garbage.pem");
    std::fs::write(
        &garbage,
        "-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let front = Front::start(emulator.iam_endpoint(), "127.0.0.1", |_| {}).await;
    for (path, says) in [
        (directory.path().join("none.pem").as_path(), "can't be read"),
        (directory.path(), "not a regular file"),
        (Path::new("/dev/zero"), "not a regular file"),
        (&empty, "holds no certificate"),
        (&key, "holds no certificate"),
        (&garbage, "holds no certificate"),
    ] {
        let path = path.to_str().unwrap();
        let provider =
            through(&emulator, &front, Stage::Iam).environment([("AWS_CA_BUNDLE", path)]);
        let error = provider
            .build()
            .await
            .unwrap()
            .id_token()
            .await
            .unwrap_err();
        assert_configuration(&error, Stage::Iam, &["AWS_CA_BUNDLE names", path, says]);
    }
    // A file's content in place of its path is not shown.
    for (content, says) in [
        ("-----BEGIN PRIVATE KEY-----\nhush\n", "a PEM, not shown"),
        (r#"{"private_key":"hush"}"#, "JSON, not shown"),
    ] {
        let provider =
            through(&emulator, &front, Stage::Iam).environment([("AWS_CA_BUNDLE", content)]);
        let provider = provider.build().await.unwrap();
        let error = provider.id_token().await.unwrap_err();
        assert_configuration(&error, Stage::Iam, &["AWS_CA_BUNDLE names", says]);
        let shown = format!("{} {error:?}", chain(&error));
        assert!(!shown.contains("hush"), "{shown}");
    }
    assert_eq!(front.connections(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn without_roots_https_says_so_and_http_works() {
    use crate::support::child;
    if !child::is_it() {
        let test = "transport::roots::without_roots_https_says_so_and_http_works";
        let empty = tempfile::tempdir().unwrap();
        for variable in [
            ("SSL_CERT_FILE", "/dev/null".as_ref()),
            ("SSL_CERT_FILE", "/nowhere".as_ref()),
            ("SSL_CERT_FILE", "".as_ref()),
            ("SSL_CERT_DIR", empty.path().as_os_str()),
        ] {
            child::run(test, [variable]);
        }
        return;
    }
    let emulator = watch::start().await;
    let provider = from_emulator(&emulator).token_source(metadata(&emulator));
    let provider = provider.build().await.unwrap();
    provider.session().await.expect("plain http needs no roots");
    for stage in [Stage::Iam, Stage::Sts] {
        let front = Front::start(backend(&emulator, stage), "127.0.0.1", |_| {}).await;
        let provider = through(&emulator, &front, stage).build().await.unwrap();
        let error = provider.session().await.unwrap_err();
        assert_configuration(&error, stage, &["has no root certificates"]);
        assert_eq!(front.connections(), 0);
        // The bundle alone is enough, once it is there.
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bundle.pem");
        let variables = [("AWS_CA_BUNDLE", path.to_str().unwrap())];
        let builder = through(&emulator, &front, stage).environment(variables);
        let provider = builder.build().await.unwrap();
        provider.id_token().await.err();
        std::fs::write(&path, &front.authority).unwrap();
        provider.session().await.unwrap();
    }
}
