//! The S3 admits what STS issued, and nothing else.

use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer};
use aws_google_web_identity_emulator::{Emulator, S3};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn provider(emulator: &Emulator) -> GoogleWebIdentityProvider {
    GoogleWebIdentityProvider::builder(emulator.role_arn())
        .audience(emulator.audience())
        .token_source(MetadataServer::new().endpoint(emulator.metadata_endpoint()))
        .configure(&emulator.sdk_config())
        .build()
        .await
        .unwrap()
}

fn client(emulator: &Emulator, s3: &S3, credentials: SharedCredentialsProvider) -> Client {
    let config = emulator
        .sdk_config()
        .into_builder()
        .endpoint_url(s3.endpoint())
        .credentials_provider(credentials)
        .build();
    Client::new(&config)
}

fn served(emulator: &Emulator) -> (tempfile::TempDir, S3) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("photos")).unwrap();
    let s3 = emulator.serve_s3(directory.path(), 0).unwrap();
    (directory, s3)
}

/// The code of the error of `ListBuckets`, or `None` if the request is admitted.
async fn refusal(client: &Client) -> Option<String> {
    let error = client.list_buckets().send().await.err()?;
    Some(error.code().unwrap_or("no code").to_owned())
}

#[tokio::test]
async fn an_object_is_written_and_read_back() {
    let emulator = Emulator::start().await.unwrap();
    let (directory, s3) = served(&emulator);
    let provider = provider(&emulator).await;
    let credentials = SharedCredentialsProvider::new(provider.clone());
    let client = client(&emulator, &s3, credentials);
    let put = client.put_object().bucket("photos").key("a/b.txt");
    let body = ByteStream::from_static(b"hello");
    put.body(body).send().await.unwrap();
    let file = directory.path().join("photos/a/b.txt");
    assert_eq!(std::fs::read(file).unwrap(), b"hello");
    let get = client.get_object().bucket("photos").key("a/b.txt");
    let object = get.send().await.unwrap();
    let body = object.body.collect().await.unwrap();
    assert_eq!(body.into_bytes(), "hello");
    let session = provider.session().await.unwrap();
    let id = session.credentials().access_key_id();
    assert_eq!(s3.access_key_ids(), [id]);
}

#[tokio::test]
async fn only_what_sts_issued_is_admitted() {
    let emulator = Emulator::start().await.unwrap();
    let (_directory, s3) = served(&emulator);
    let session = provider(&emulator).await.session().await.unwrap();
    let issued = session.credentials();
    let (id, secret) = (issued.access_key_id(), issued.secret_access_key());
    let token = issued.session_token();
    for (id, secret, token, expected) in [
        (id, secret, token, None),
        (id, secret, Some("another"), Some("InvalidToken")),
        (id, secret, None, Some("InvalidToken")),
        (id, "another", token, Some("SignatureDoesNotMatch")),
        (
            "AKIAIOSFODNN7EXAMPLE",
            secret,
            token,
            Some("InvalidAccessKeyId"),
        ),
    ] {
        let credentials = Credentials::new(id, secret, token.map(str::to_owned), None, "test");
        let client = client(&emulator, &s3, SharedCredentialsProvider::new(credentials));
        assert_eq!(refusal(&client).await.as_deref(), expected, "{id}");
    }
    // Another emulator's credentials are unknown here.
    let elsewhere = Emulator::start().await.unwrap();
    let provider = SharedCredentialsProvider::new(provider(&elsewhere).await);
    let client = client(&emulator, &s3, provider);
    assert_eq!(
        refusal(&client).await.as_deref(),
        Some("InvalidAccessKeyId")
    );
}

/// Status and body of a GET without credentials in its headers.
async fn get(uri: &str) -> (u16, String) {
    let (authority, path) = uri
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let mut stream = tokio::net::TcpStream::connect(authority).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

#[tokio::test]
async fn a_presigned_url_needs_its_token_and_nobody_is_admitted_unsigned() {
    let emulator = Emulator::start().await.unwrap();
    let (directory, s3) = served(&emulator);
    std::fs::write(directory.path().join("photos/a.txt"), "hello").unwrap();
    let provider = SharedCredentialsProvider::new(provider(&emulator).await);
    let client = client(&emulator, &s3, provider);
    let hour = PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap();
    let request = client
        .get_object()
        .bucket("photos")
        .key("a.txt")
        .presigned(hour);
    let request = request.await.unwrap();
    let (status, body) = get(request.uri()).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("hello"), "{body}");

    let token = request
        .uri()
        .split(['?', '&'])
        .find(|it| it.starts_with("X-Amz-Security-Token="));
    let without = request.uri().replace(&format!("&{}", token.unwrap()), "");
    assert_ne!(without, request.uri());
    let unsigned = request.uri().split_once('?').unwrap().0;
    for uri in [&*without, unsigned] {
        let (status, body) = get(uri).await;
        assert_eq!(status, 403, "{uri}: {body}");
        assert!(!body.contains("hello"), "{body}");
    }
    emulator.set_clock_offset(12 * 3600);
    assert!(get(request.uri()).await.0 >= 400, "the session has expired");
}

#[tokio::test]
async fn expired_credentials_are_refused() {
    let emulator = Emulator::start().await.unwrap();
    let (_directory, s3) = served(&emulator);
    let session = provider(&emulator).await.session().await.unwrap();
    let issued = session.credentials();
    // Without an expiry: the client would not send expired ones.
    let credentials = Credentials::new(
        issued.access_key_id(),
        issued.secret_access_key(),
        issued.session_token().map(str::to_owned),
        None,
        "test",
    );
    let client = client(&emulator, &s3, SharedCredentialsProvider::new(credentials));
    assert_eq!(refusal(&client).await, None);
    emulator.set_clock_offset(12 * 3600);
    assert_eq!(refusal(&client).await.as_deref(), Some("ExpiredToken"));
}

#[tokio::test]
async fn a_missing_directory_and_a_taken_port_are_named() {
    let emulator = Emulator::start().await.unwrap();
    let error = emulator.serve_s3(Path::new("/nowhere"), 0).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let (directory, s3) = served(&emulator);
    let endpoint = s3.endpoint();
    let (_, port) = endpoint.rsplit_once(':').unwrap();
    let port = port.parse().unwrap();
    let error = emulator.serve_s3(directory.path(), port).unwrap_err();
    assert!(
        error.to_string().contains(&format!("port {port} for S3")),
        "{error}"
    );
}
