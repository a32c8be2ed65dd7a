use super::*;
use crate::environment::Environment;
use aws_config::BehaviorVersion;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;

/// A context in which Google refuses every grant.
fn refusing(path: &std::path::Path) -> Context {
    let refusal = r#"{"error": "invalid_grant", "error_description": "Bad Request"}"#;
    let http = infallible_client_fn(move |_| {
        let answer = http::Response::builder().status(400);
        answer.body(SdkBody::from(refusal)).unwrap()
    });
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .sleep_impl(TokioSleep::new())
        .http_client(http)
        .build();
    let path = path.to_str().unwrap().to_owned();
    let mut environment = Environment::default();
    environment.set_variables([("GOOGLE_APPLICATION_CREDENTIALS".to_owned(), path)].into());
    Context::new(&sdk).unwrap().with_environment(environment)
}

/// A file whose state looks the same as before, as a network file system may show it.
#[tokio::test]
async fn after_invalid_grant_the_file_is_read_again() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let put = |client: &str| {
        let json = serde_json::json!({
            "type": "authorized_user", "client_id": client, "client_secret": "x", "refresh_token": "x",
        });
        std::fs::write(file.path(), json.to_string()).unwrap();
    };
    put("one");
    let cx = refusing(file.path());
    let audience = "https://a".parse().unwrap();
    let source = ApplicationDefault::new().impersonate("robot@demo.iam.gserviceaccount.com");
    ProvideIdToken::check(&source, &cx).unwrap();
    put("two");
    source.chosen().as_mut().unwrap().state = FileState::of(file.path());
    let client = || format!("{:?}", source.source(&cx).unwrap());
    assert!(client().contains("client_id: \"one\""), "{}", client());

    let error = source.provide_id_token(&cx, &audience).await.unwrap_err();
    assert_eq!(error.code(), Some("invalid_grant"));
    assert!(client().contains("client_id: \"two\""), "{}", client());
}

#[test]
fn an_identity_is_found_where_the_variables_lead() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let json = r#"{"type": "authorized_user", "client_id": "x", "client_secret": "x", "refresh_token": "x"}"#;
    std::fs::write(file.path(), json).unwrap();
    let identity = ApplicationDefault::new().identify(&refusing(file.path()));
    let expected = format!(
        "{:?} (named by GOOGLE_APPLICATION_CREDENTIALS)",
        file.path()
    );
    assert_eq!(identity.unwrap().place(), expected);

    let mut environment = Environment::default();
    let variables = [("HOME", "/nowhere"), ("GCE_METADATA_HOST", "host:1")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    environment.set_variables(variables.into());
    let cx = refusing(file.path()).with_environment(environment);
    let identity = ApplicationDefault::new().identify(&cx).unwrap();
    assert!(
        identity
            .place()
            .starts_with("the metadata server: GOOGLE_APPLICATION_CREDENTIALS is not set")
    );
    assert_eq!((identity.file_type(), identity.account()), (None, None));
    assert_eq!(identity.servers()[0].origin(), "http://host:1");
}
