//! Any answer of a server gives an outcome of the right stage: no panic, no long text, no secret.
//! Sleeps end at once.

use super::tokens::{SIGNATURE, jwt, payload};
use super::{Checked, MAX_TEXT, check, check_hidden, check_text, damaged, text};
use crate::support::{AUDIENCE, ROBOT, ROLE};
use aws_google_web_identity::{
    AccessToken, Audience, Builder, Context, Error, GoogleWebIdentityProvider, IamIdToken,
    IamSignJwt, IdToken, JwtBearer, LocalKey, MetadataServer, ProvideAccessToken, ProvideIdToken,
    Stage, future,
};
use aws_google_web_identity_emulator::Emulator;
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};
use tokio::runtime::Runtime;

const SECRET: &str = "bm90IGEgc2VjcmV0IGJ1dCBzb21ldGhpbmcgdGhhdCBsb29rcyBsaWtlIG9uZQ";
const NOW: u64 = 1_700_000_100;

/// Short sleeps, before a retry, end at once. Long ones, of timeouts, never end.
#[derive(Debug)]
struct Impatient;

impl AsyncSleep for Impatient {
    fn sleep(&self, duration: Duration) -> Sleep {
        if duration < Duration::from_secs(10) {
            Sleep::new(std::future::ready(()))
        } else {
            Sleep::new(std::future::pending())
        }
    }
}

#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// Gives every request the same answer.
struct World {
    answer: Arc<Mutex<Option<Answer>>>,
    requests: Arc<Mutex<u32>>,
    config: SdkConfig,
    runtime: Runtime,
}

impl World {
    fn new() -> Self {
        let answer: Arc<Mutex<Option<Answer>>> = Arc::default();
        let requests: Arc<Mutex<u32>> = Arc::default();
        let (given, asked) = (answer.clone(), requests.clone());
        let client = infallible_client_fn(move |_| {
            *asked.lock().unwrap() += 1;
            let Answer {
                status,
                headers,
                body,
            } = given.lock().unwrap().clone().unwrap();
            let mut response = http::Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(SdkBody::from(body)).unwrap()
        });
        let never = Duration::from_secs(1000);
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(never)
            .operation_attempt_timeout(never)
            .connect_timeout(never)
            .build();
        let config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .http_client(client)
            .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
                Impatient,
            ))
            .time_source(StaticTimeSource::from_secs(NOW))
            .retry_config(RetryConfig::standard())
            .timeout_config(timeouts)
            .build();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        Self {
            answer,
            requests,
            config,
            runtime,
        }
    }

    fn builder(&self) -> Builder {
        GoogleWebIdentityProvider::builder(ROLE)
            .audience(AUDIENCE)
            .configure(&self.config)
            .environment([] as [(&str, &str); 0])
    }

    fn build(&self, builder: Builder) -> GoogleWebIdentityProvider {
        self.runtime.block_on(builder.build()).unwrap()
    }

    /// Asks for an ID token alone, with this answer to every request.
    fn id_token(&self, provider: &GoogleWebIdentityProvider, answer: Answer) -> Checked {
        *self.answer.lock().unwrap() = Some(answer);
        *self.requests.lock().unwrap() = 0;
        match self.runtime.block_on(provider.id_token()) {
            Ok(token) => prop_assert_eq!(&token.claims().aud, AUDIENCE),
            Err(error) => checked(
                &error,
                &[
                    Stage::Metadata,
                    Stage::TokenEndpoint,
                    Stage::Iam,
                    Stage::Source,
                ],
            )?,
        }
        prop_assert!(*self.requests.lock().unwrap() <= 3);
        Ok(())
    }
}

fn checked(error: &Error, stages: &[Stage]) -> Checked {
    let text = check_text(error)?;
    prop_assert!(stages.contains(&error.stage()), "{}", text);
    prop_assert!(!text.contains("panicked"), "{}", text);
    let debug = format!("{error:?}");
    prop_assert!(debug.len() < 2 * MAX_TEXT, "{} bytes", debug.len());
    for said in [error.code(), error.request_id()].into_iter().flatten() {
        prop_assert!(said.len() < MAX_TEXT);
    }
    for secret in [SECRET, SIGNATURE] {
        check_hidden(&text, secret)?;
        check_hidden(&debug, secret)?;
    }
    Ok(())
}

fn header(values: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    let any = proptest::collection::vec(0x20u8..0x7f, 0..40).prop_map(|bytes| Some(text(&bytes)));
    prop_oneof![
        4 => select(values).prop_map(|value| Some(value.to_owned())),
        1 => Just(None),
        1 => any,
        1 => select(values).prop_map(|value| Some(value.repeat(400))),
    ]
}

fn answers(
    status: impl Strategy<Value = u16>,
    bodies: Vec<String>,
) -> impl Strategy<Value = Answer> {
    let headers = (
        header(&[
            "Tue, 14 Nov 2023 22:15:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        ]),
        header(&["Google", "Google", "Google", "Amazon"]),
        header(&[
            "0",
            "5",
            "120",
            "18446744073709551615",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ]),
        header(&["application/json", "text/xml", "text/html; charset=UTF-8"]),
        header(&["c6104cbe-af31-11e0-8154-cbc7ccf896c7"]),
    );
    (status, headers, damaged(bodies)).prop_map(|(status, headers, body)| {
        let (date, flavor, retry_after, content_type, request_id) = headers;
        let headers = [
            ("date", date),
            ("metadata-flavor", flavor),
            ("retry-after", retry_after),
            ("content-type", content_type),
            ("x-amzn-requestid", request_id),
        ];
        let headers = headers.into_iter();
        Answer {
            status,
            headers: headers
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
            body,
        }
    })
}

fn statuses() -> impl Strategy<Value = u16> {
    prop_oneof![4 => Just(200u16), 4 => select(vec![400u16, 401, 403, 404, 408, 429, 500, 503]), 1 => 200u16..=999]
}

/// Answers of all of Google's servers. Each is tried as the answer to every request.
fn google() -> Vec<String> {
    let jwt = jwt(payload());
    [
        json!({"id_token": jwt}).to_string(),
        json!({"token": jwt}).to_string(),
        jwt,
        json!({"access_token": SECRET, "expires_in": 3599, "token_type": "Bearer"}).to_string(),
        json!({"access_token": SECRET, "expires_in": u64::MAX}).to_string(),
        json!({"keyId": "1", "signedJwt": format!("e30.e30.{SECRET}")}).to_string(),
        json!({"accessToken": SECRET, "expireTime": "2023-11-14T23:13:20Z"}).to_string(),
        ROBOT.to_owned(),
        json!({"error": "invalid_grant", "error_description": "Invalid JWT: check your iat"})
            .to_string(),
        json!({"error": {"code": 403, "message": "denied", "status": "PERMISSION_DENIED"}})
            .to_string(),
        "Service account not enabled on this instance".to_owned(),
        "<html><body>Sign in</body></html>".to_owned(),
    ]
    .to_vec()
}

#[derive(Debug)]
struct StaticToken;

impl ProvideAccessToken for StaticToken {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        _: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::ready(Ok(AccessToken::new(SECRET, cx.now())))
    }
}

fn holds_for_any_answer(source: impl ProvideIdToken + 'static) {
    let world = World::new();
    let provider = world.build(world.builder().token_source(source));
    check(300, answers(statuses(), google()), |answer| {
        world.id_token(&provider, answer)
    });
}

#[test]
fn any_answer_of_the_metadata_server_has_an_outcome() {
    holds_for_any_answer(MetadataServer::new());
}

#[test]
fn any_answer_of_the_token_endpoint_has_an_outcome() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let key = runtime.block_on(async {
        Emulator::start()
            .await
            .unwrap()
            .key_file_json(ROBOT)
            .unwrap()
    });
    holds_for_any_answer(
        JwtBearer::new(LocalKey::from_json(&key).unwrap()).token_uri("https://a.example"),
    );
    holds_for_any_answer(IamIdToken::new(ROBOT, LocalKey::from_json(key).unwrap()));
}

#[test]
fn any_answer_of_iam_has_an_outcome() {
    holds_for_any_answer(IamIdToken::new(ROBOT, StaticToken));
    holds_for_any_answer(JwtBearer::new(IamSignJwt::new(ROBOT, StaticToken)));
    holds_for_any_answer(JwtBearer::new(IamSignJwt::attached(MetadataServer::new())));
}

#[test]
fn any_answer_to_a_credentials_file_has_an_outcome() {
    let url = format!(
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{ROBOT}:generateAccessToken"
    );
    let user = json!({"type": "authorized_user", "client_id": "1", "client_secret": SECRET, "refresh_token": SECRET});
    let impersonated = json!({"type": "impersonated_service_account", "service_account_impersonation_url": url,
        "source_credentials": {"type": "impersonated_service_account", "service_account_impersonation_url": url,
            "source_credentials": user}});
    let external = |format| {
        json!({"type": "external_account", "audience": "//iam.googleapis.com/x",
        "subject_token_type": "jwt", "token_url": "https://sts.googleapis.com/v1/token",
        "service_account_impersonation_url": url,
        "credential_source": {"url": "http://169.254.169.254/token", "format": format}})
    };
    let text = external(json!({"type": "text"}));
    let json = external(json!({"type": "json", "subject_token_field_name": "access_token"}));
    let directory = tempfile::tempdir().unwrap();
    for (name, file) in [
        ("impersonated", impersonated),
        ("text", text),
        ("json", json),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, file.to_string()).unwrap();
        let world = World::new();
        let environment = [("GOOGLE_APPLICATION_CREDENTIALS", path.display().to_string())];
        let provider = world.build(world.builder().environment(environment));
        check(200, answers(statuses(), google()), |answer| {
            world.id_token(&provider, answer)
        });
    }
}

/// The same token each time.
#[derive(Debug)]
struct StaticIdToken(IdToken);

impl ProvideIdToken for StaticIdToken {
    fn provide_id_token<'a>(
        &'a self,
        _: &'a Context,
        _: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::ready(Ok(self.0.clone()))
    }
}

fn credentials(expiration: &str) -> String {
    format!(
        r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>
        <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/demo/me</Arn><AssumedRoleId>AROA:me</AssumedRoleId></AssumedRoleUser>
        <Credentials><SessionToken>{SECRET}</SessionToken><SecretAccessKey>{SECRET}</SecretAccessKey>
        <Expiration>{expiration}</Expiration><AccessKeyId>ASIAEXAMPLE</AccessKeyId></Credentials>
        <SubjectFromWebIdentityToken>1</SubjectFromWebIdentityToken></AssumeRoleWithWebIdentityResult>
        <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>"#
    )
}

fn aws() -> Vec<String> {
    let refused = |code: &str, message: &str| {
        format!(
            r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>{code}</Code>
            <Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"#
        )
    };
    let token = jwt(payload());
    let mut bodies: Vec<String> = [
        "2023-11-14T23:13:20Z",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00Z",
        "-99999-01-01T00:00:00Z",
        "soon",
    ]
    .map(credentials)
    .to_vec();
    bodies.extend([
        refused(
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        ),
        refused("ExpiredTokenException", &format!("Token expired: {token}")),
        refused("InvalidIdentityToken", &format!("<![CDATA[{token}]]>")),
        refused("Throttling", "&lt;&#x41;"),
        format!("<Other>{token}</Other>"),
        json!({"message": token}).to_string(),
        r#"<!DOCTYPE a [<!ENTITY b "cccc"><!ENTITY d "&b;&b;">]><a>&d;</a>"#.to_owned(),
    ]);
    bodies
}

#[test]
fn any_answer_of_sts_has_an_outcome() {
    let world = World::new();
    let token = IdToken::parse(jwt(payload())).unwrap();
    check(400, answers(statuses(), aws()), |answer| {
        *world.answer.lock().unwrap() = Some(answer);
        // A new one each time, since a provider keeps its session.
        let provider = world.build(world.builder().token_source(StaticIdToken(token.clone())));
        match world.runtime.block_on(provider.session()) {
            Ok(session) => {
                prop_assert!(session.expires_at() > UNIX_EPOCH + Duration::from_secs(NOW));
                prop_assert!(!session.credentials().access_key_id().is_empty());
                check_hidden(&format!("{session:?}"), SECRET)
            }
            Err(error) => checked(&error, &[Stage::Sts]),
        }
    });
}
