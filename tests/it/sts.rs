//! Answers of STS, and what they become.

use crate::support::watch::{self, Watched};
use crate::support::{
    AUDIENCE, Minting, REQUEST_ID, ROBOT, ROLE, chain, from_emulator, sdk_config, sts_error, with,
};
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use aws_google_web_identity::{
    ErrorKind, GoogleWebIdentityProvider, LocalKey, MetadataServer, Stage,
};
use aws_google_web_identity_emulator::{Answer, Call, Role};
use std::sync::Arc;
use std::time::Duration;

async fn provider(emulator: &Arc<Watched>) -> GoogleWebIdentityProvider {
    with(emulator, Minting::new(emulator)).await
}

#[tokio::test]
async fn every_code_of_sts_has_its_kind_and_its_hint() {
    use ErrorKind::{Configuration, Denied, Throttled, Unavailable};
    let emulator = Arc::new(watch::start().await);
    for (status, code, kind, retried, says) in [
        (
            400,
            "ExpiredTokenException",
            Denied,
            2,
            "is this machine's clock right?",
        ),
        (
            400,
            "InvalidIdentityToken",
            Denied,
            2,
            "delete-open-id-connect-provider",
        ),
        (
            403,
            "IDPRejectedClaim",
            Denied,
            2,
            "was the account disabled?",
        ),
        (
            400,
            "IDPCommunicationError",
            Unavailable,
            3,
            "AWS could not reach Google",
        ),
        (
            403,
            "AccessDenied",
            Denied,
            1,
            "the role's trust policy doesn't admit the token",
        ),
        (400, "Throttling", Throttled, 3, "Throttling"),
        (400, "RequestThrottled", Throttled, 3, "RequestThrottled"),
        (400, "RequestTimeout", Unavailable, 3, "RequestTimeout"),
        (
            400,
            "MalformedPolicyDocument",
            Configuration,
            1,
            "look at policy and policy_arns: session policies",
        ),
        (
            400,
            "PackedPolicyTooLarge",
            Configuration,
            1,
            "look at policy and policy_arns: session policies",
        ),
        (
            403,
            "RegionDisabledException",
            Configuration,
            1,
            "activate it, or set another Region",
        ),
        (
            400,
            "ValidationError",
            Configuration,
            1,
            "a session length above the role's maximum",
        ),
        (500, "InternalFailure", Unavailable, 3, "InternalFailure"),
        (
            503,
            "ServiceUnavailable",
            Unavailable,
            3,
            "ServiceUnavailable",
        ),
        (
            418,
            "SomethingNew",
            Configuration,
            1,
            "HTTP 418 SomethingNew: a message",
        ),
    ] {
        let provider = provider(&emulator).await;
        let before = emulator.requests_of(Call::Sts).len();
        emulator.answer_next(Call::Sts, 9, sts_error(status, code, "a message"));
        let error = provider.session().await.unwrap_err();
        let calls = emulator.requests_of(Call::Sts).len() - before;
        let text = chain(&error);
        assert_eq!((error.stage(), error.kind()), (Stage::Sts, kind), "{text}");
        assert_eq!(error.code(), Some(code));
        assert_eq!(error.request_id(), Some(REQUEST_ID));
        assert!(text.contains(REQUEST_ID), "{text}");
        assert!(text.contains(says) && text.contains("a message"), "{text}");
        assert!(
            text.contains(ROLE) && text.contains(&format!("HTTP {status}")),
            "{text}"
        );
        assert_eq!(calls, retried, "{code}");
        emulator.answer_genuinely();
    }
}

#[tokio::test]
async fn a_refusal_shows_the_condition_keys_of_the_token() {
    let strange = "arn:aws:iam::123456789012:role/strange";
    let keys = ConditionKeys::from_claims(None, AUDIENCE, "100000000000000000009");
    let role = Role::new(strange).trust_policy(TrustPolicy::admitting(&keys).to_string());
    let emulator = Arc::new(watch::start().await);
    emulator.put_role(role).unwrap();
    let key = LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap();
    let provider = GoogleWebIdentityProvider::builder(strange)
        .audience(AUDIENCE)
        .signer(key)
        .configure(&emulator.sdk_config())
        .environment([] as [(&str, &str); 0])
        .build()
        .await
        .unwrap();
    let claims = provider.id_token().await.unwrap().claims().clone();
    let error = provider.session().await.unwrap_err();
    assert_eq!(
        (error.stage(), error.kind(), error.code()),
        (Stage::Sts, ErrorKind::Denied, Some("AccessDenied"))
    );
    let text = format!("{error:#}");
    for says in [
        strange,
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        &format!("\n  accounts.google.com:aud    \"{ROBOT}\"\n"),
        &format!("\n  accounts.google.com:oaud   \"{AUDIENCE}\"\n"),
        &format!("\n  accounts.google.com:sub    \"{}\"\n", claims.sub),
        &format!("\n  accounts.google.com:email  \"{ROBOT}\"\n"),
    ] {
        assert!(text.contains(says), "{says:?} is not in {text}");
    }
    let line = error.to_string();
    assert!(line.len() < 200 && !line.contains('\n'), "{line}");
    assert!(
        line.contains("AccessDenied") && line.contains(strange),
        "{line}"
    );
    assert!(error.details().any(|it| it == ("role", strange)));
    assert!(error.hint().unwrap().contains("trust policy"));
    assert_eq!(
        emulator.requests_of(Call::Sts).len(),
        1,
        "AccessDenied is never retried"
    );
}

#[tokio::test]
async fn keys_that_sts_cannot_fetch_are_transient_and_no_fault_of_the_token() {
    let emulator = Arc::new(watch::start().await);
    let minting = Minting::new(&emulator);
    let tokens = minting.tokens.clone();
    let provider = with(&emulator, minting).await;
    let message = "Couldn't retrieve verification key from your identity provider, please \
                   reference AssumeRoleWithWebIdentity documentation for requirements";
    let refusal = sts_error(400, "InvalidIdentityToken", message);
    emulator.answer_next(Call::Sts, 9, refusal);
    let error = provider.session().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:#}");
    assert!(error.is_retryable());
    let hint = error.hint().unwrap();
    assert!(hint.contains("AWS could not reach the issuer"), "{hint}");
    let fetched = tokens.load(std::sync::atomic::Ordering::SeqCst);
    assert_eq!(fetched, 1, "no fresh token is fetched");
}

#[tokio::test]
async fn an_sts_that_is_not_there_is_named() {
    let emulator = Arc::new(watch::start().await);
    let config = sdk_config().into_builder();
    let config = config.endpoint_url("http://127.0.0.1:1").build();
    let provider = from_emulator(&emulator)
        .configure(&crate::support::quick(&config))
        .token_source(Minting::new(&emulator))
        .build()
        .await
        .unwrap();
    let error = provider.session().await.unwrap_err();
    assert_eq!(
        (error.stage(), error.kind()),
        (Stage::Sts, ErrorKind::Unavailable)
    );
    let line = error.to_string();
    let says = "AssumeRoleWithWebIdentity at http://127.0.0.1:1: no connection, or it broke";
    assert!(line.contains(says), "{line}");
    let text = chain(&error);
    for says in [ROLE, "\n  Region  us-east-1", "Connection refused"] {
        assert!(text.contains(says), "{says:?} is not in {text}");
    }
}

#[tokio::test]
async fn unreadable_answers_are_reported_by_status() {
    let emulator = Arc::new(watch::start().await);
    let whole = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult/></AssumeRoleWithWebIdentityResponse>";
    for (answer, kind, says) in [
        (
            Answer::status(403).body("<html>forbidden</html>"),
            ErrorKind::Denied,
            "HTTP 403 without a code or a message",
        ),
        (
            Answer::status(502).body("{}"),
            ErrorKind::Unavailable,
            "HTTP 502 without a code or a message",
        ),
        (
            Answer::status(200).body(whole),
            ErrorKind::MalformedResponse,
            "has no credentials",
        ),
        (
            Answer::status(200).body("not xml"),
            ErrorKind::MalformedResponse,
            "HTTP 200 with an answer that can't be read",
        ),
    ] {
        let provider = provider(&emulator).await;
        emulator.answer_next(Call::Sts, 9, answer);
        let error = provider.session().await.unwrap_err();
        let text = chain(&error);
        assert_eq!((error.stage(), error.kind()), (Stage::Sts, kind), "{text}");
        assert!(text.contains(says), "{says:?} is not in {text}");
        if says.starts_with("HTTP") {
            for says in [
                "answered by",
                emulator.sts_endpoint(),
                "a proxy, a load balancer or another server",
            ] {
                assert!(text.contains(says), "{says:?} is not in {text}");
            }
        }
        emulator.answer_genuinely();
    }
}

#[tokio::test]
async fn a_session_length_above_the_maximum_is_never_lowered() {
    let emulator = Arc::new(watch::start().await);
    let keys = ConditionKeys::from_claims(None, AUDIENCE, emulator.service_account_id());
    let policy = TrustPolicy::admitting(&keys);
    let hour = Duration::from_secs(3600);
    emulator
        .put_role(
            Role::new(ROLE)
                .trust_policy(&policy)
                .max_session_length(hour),
        )
        .unwrap();
    let key = LocalKey::from_json(emulator.key_file_json(ROBOT).unwrap()).unwrap();
    let provider = from_emulator(&emulator)
        .signer(key)
        .session_length(Duration::from_secs(43_200))
        .build()
        .await
        .unwrap();
    let error = provider.session().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Configuration, Some("ValidationError"))
    );
}

#[tokio::test]
async fn errors_become_the_sdks_own_kinds() {
    let emulator = Arc::new(watch::start().await);
    for (code, is_expected) in [
        (
            "AccessDenied",
            (|e| matches!(e, CredentialsError::ProviderError(_))) as fn(&_) -> bool,
        ),
        ("MalformedPolicyDocument", |e| {
            matches!(e, CredentialsError::InvalidConfiguration(_))
        }),
        ("RegionDisabledException", |e| {
            matches!(e, CredentialsError::InvalidConfiguration(_))
        }),
    ] {
        let provider = provider(&emulator).await;
        emulator.answer_next(Call::Sts, 1, sts_error(403, code, "no"));
        let error = provider.provide_credentials().await.unwrap_err();
        assert!(is_expected(&error), "{code}: {error:?}");
        assert!(chain(&error).contains(code), "{}", chain(&error));
    }
}

/// The host that is called, by the SDK's own rules for endpoints.
async fn host(
    configure: impl Fn(aws_types::sdk_config::Builder) -> aws_types::sdk_config::Builder,
) -> String {
    use aws_smithy_http_client::test_util::infallible_client_fn;
    let emulator = Arc::new(watch::start().await);
    let seen: Arc<std::sync::Mutex<String>> = Arc::default();
    let uri = seen.clone();
    let http = infallible_client_fn(move |request| {
        *uri.lock().unwrap() = request.uri().host().unwrap().to_owned();
        http::Response::builder().status(403).body("").unwrap()
    });
    let config = configure(sdk_config().into_builder())
        .http_client(http)
        .build();
    let provider = GoogleWebIdentityProvider::builder(ROLE)
        .audience(AUDIENCE)
        .token_source(Minting::new(&emulator))
        .configure(&config)
        .environment([] as [(&str, &str); 0])
        .build()
        .await
        .unwrap();
    let error = provider.session().await.unwrap_err();
    assert_eq!(
        (error.stage(), error.kind()),
        (Stage::Sts, ErrorKind::Denied)
    );

    seen.lock().unwrap().clone()
}

#[tokio::test]
async fn region_partition_fips_and_dual_stack_come_from_the_sdk_config() {
    use aws_types::region::Region;
    let region = |name: &'static str| {
        move |config: aws_types::sdk_config::Builder| config.region(Region::new(name))
    };
    assert_eq!(
        host(region("eu-central-1")).await,
        "sts.eu-central-1.amazonaws.com"
    );
    assert_eq!(
        host(region("cn-north-1")).await,
        "sts.cn-north-1.amazonaws.com.cn"
    );
    assert_eq!(
        host(region("us-gov-west-1")).await,
        "sts.us-gov-west-1.amazonaws.com"
    );
    assert_eq!(
        host(|config| config.use_fips(true)).await,
        "sts-fips.us-east-1.amazonaws.com"
    );
    assert_eq!(
        host(|config| config.use_dual_stack(true)).await,
        "sts.us-east-1.api.aws"
    );
    assert_eq!(
        host(|config| config.endpoint_url("https://sts.example.com")).await,
        "sts.example.com"
    );
}

#[tokio::test]
async fn retries_of_the_sdk_config_are_kept() {
    use aws_smithy_types::retry::RetryConfig;
    let emulator = Arc::new(watch::start().await);
    for (retries, calls) in [
        (RetryConfig::disabled(), 1),
        (
            RetryConfig::standard()
                .with_max_attempts(2)
                .with_initial_backoff(Duration::from_millis(1)),
            2,
        ),
        (
            RetryConfig::adaptive()
                .with_max_attempts(4)
                .with_initial_backoff(Duration::from_millis(1)),
            4,
        ),
    ] {
        let config = emulator
            .sdk_config()
            .into_builder()
            .retry_config(retries)
            .build();
        let metadata = MetadataServer::new().endpoint(emulator.metadata_endpoint());
        let provider = from_emulator(&emulator)
            .configure(&config)
            .token_source(metadata)
            .build()
            .await
            .unwrap();
        for hop in [Call::MetadataIdentity, Call::Sts] {
            let before = emulator.requests_of(hop).len();
            emulator.answer_next(hop, 9, Answer::status(503));
            provider.refresh().await.unwrap_err();
            emulator.answer_genuinely();
            assert_eq!(emulator.requests_of(hop).len() - before, calls, "{hop:?}");
        }
    }
}

#[tokio::test]
async fn a_session_token_that_resembles_the_id_token_stays_whole() {
    let emulator = Arc::new(watch::start().await);
    let provider = with(
        &emulator,
        aws_google_web_identity::SharedIdToken::new(Minting::new(&emulator)),
    )
    .await;
    let jwt = provider.id_token().await.unwrap().expose().to_owned();
    let body = format!(
        r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
        <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
        <SessionToken>{jwt}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
        </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#
    );
    emulator.answer_next(Call::Sts, 1, Answer::status(200).body(body));
    let session = provider.session().await.unwrap();
    assert_eq!(session.credentials().session_token(), Some(jwt.as_str()));
}
