//! The provider with others of the SDK: first in a chain, as the source of a second role, and
//! several roles of one identity.

use crate::support::watch;
use crate::support::{AUDIENCE, ROLE, from_emulator, sdk_config, with};
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer, SharedIdToken};
use aws_google_web_identity_emulator::{Call, Emulator, Role};
use aws_smithy_async::time::SystemTimeSource;
use aws_smithy_http_client::test_util::infallible_client_fn;
use std::sync::{Arc, Mutex};

fn metadata(emulator: &Emulator) -> MetadataServer {
    MetadataServer::new().endpoint(emulator.metadata_endpoint())
}

#[tokio::test]
async fn a_chain_goes_on_only_without_a_google_identity() {
    let emulator = watch::start().await;
    let next = Credentials::for_tests();
    let chain = |provider: GoogleWebIdentityProvider| {
        CredentialsProviderChain::first_try("Google", provider).or_else("next", next.clone())
    };
    let here = with(&emulator, metadata(&emulator)).await;
    let session = here.session().await.unwrap();
    let served = chain(here).provide_credentials().await.unwrap();
    assert_eq!(
        served.access_key_id(),
        session.credentials().access_key_id()
    );

    let elsewhere = from_emulator(&emulator).build().await.unwrap();
    assert_eq!(chain(elsewhere).provide_credentials().await.unwrap(), next);

    // A refusal must not make the chain use other credentials.
    let refused = from_emulator(&emulator)
        .audience("https://other.example.com")
        .token_source(metadata(&emulator))
        .build()
        .await
        .unwrap();
    let error = chain(refused).provide_credentials().await.unwrap_err();
    assert!(
        matches!(error, CredentialsError::ProviderError(_)),
        "{error:?}"
    );
}

#[tokio::test]
async fn its_credentials_can_assume_a_second_role() {
    let emulator = watch::start().await;
    let provider = with(&emulator, metadata(&emulator)).await;
    let session = provider.session().await.unwrap();
    let signed = Arc::new(Mutex::new(Vec::new()));
    let seen = signed.clone();
    let sts = infallible_client_fn(move |request| {
        seen.lock().unwrap().push((
            request.headers()["authorization"]
                .to_str()
                .unwrap()
                .to_owned(),
            request.headers()["x-amz-security-token"]
                .to_str()
                .unwrap()
                .to_owned(),
        ));
        http::Response::builder()
            .body(
                r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
                <AccessKeyId>ASIASECOND</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
                <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"#,
            )
            .unwrap()
    });
    let config = sdk_config()
        .into_builder()
        .time_source(SystemTimeSource::new())
        .http_client(sts)
        .build();
    let second = AssumeRoleProvider::builder("arn:aws:iam::210987654321:role/second")
        .session_name("second")
        .configure(&config)
        .build_from_provider(provider)
        .await;
    let credentials = second.provide_credentials().await.unwrap();
    assert_eq!(credentials.access_key_id(), "ASIASECOND");
    let signed = signed.lock().unwrap();
    let [(authorization, token)] = &signed[..] else {
        panic!("{} calls", signed.len())
    };
    let first = session.credentials();
    assert!(
        authorization.contains(&format!("Credential={}/", first.access_key_id())),
        "{authorization}"
    );
    assert_eq!(Some(token.as_str()), first.session_token());
}

#[tokio::test]
async fn several_roles_share_one_identity() {
    const WRITER: &str = "arn:aws:iam::123456789012:role/writer";
    let emulator = watch::start().await;
    let policy = aws_google_web_identity::trust_policy::TrustPolicy::admitting(
        &aws_google_web_identity::trust_policy::ConditionKeys::from_claims(
            None,
            AUDIENCE,
            emulator.service_account_id(),
        ),
    );
    emulator
        .put_role(Role::new(WRITER).trust_policy(policy.to_json_pretty()))
        .unwrap();
    let identity = SharedIdToken::new(metadata(&emulator));
    let mut arns = Vec::new();
    for role in [ROLE, WRITER] {
        let provider = GoogleWebIdentityProvider::builder(role)
            .audience(AUDIENCE)
            .token_source(identity.clone())
            .configure(&emulator.sdk_config())
            .environment([] as [(&str, &str); 0])
            .build()
            .await
            .unwrap();
        arns.push(
            provider
                .session()
                .await
                .unwrap()
                .assumed_role_arn()
                .unwrap()
                .to_owned(),
        );
    }
    assert!(
        arns[0].contains(":assumed-role/demo/") && arns[1].contains(":assumed-role/writer/"),
        "{arns:?}"
    );
    assert_eq!(emulator.requests_of(Call::MetadataIdentity).len(), 1);
    assert_eq!(emulator.requests_of(Call::Sts).len(), 2);
}
