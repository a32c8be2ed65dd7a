//! What a program uses, and whether it works: the identity, the servers, the credentials.

use crate::support::watch;
use crate::support::{ROBOT, builder, chain, from_emulator, sdk_config, sts_error};
use aws_google_web_identity::{
    ApplicationDefault, Context, DefaultIdentity, ErrorKind, GoogleWebIdentityProvider,
    MetadataServer, Platform, Server, Stage,
};
use aws_google_web_identity_emulator::{Answer, Call, Emulator};
use aws_types::region::Region;
use serde_json::{Value, json};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(10);
const ACT_AS: &str = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/\
    robot@demo-project.iam.gserviceaccount.com:generateAccessToken";

fn context() -> Context {
    Context::new(&sdk_config()).unwrap()
}

fn of_file(file: &Value) -> ApplicationDefault {
    ApplicationDefault::from_json(file.to_string()).unwrap()
}

fn servers(identity: &DefaultIdentity) -> Vec<(Stage, String)> {
    let servers = identity.servers().iter();
    servers.map(|it| (it.stage(), it.origin())).collect()
}

fn user() -> Value {
    json!({
        "type": "authorized_user", "client_id": "id", "client_secret": "x", "refresh_token": "x",
    })
}

#[tokio::test]
async fn each_type_of_file_says_its_account_and_its_servers() {
    const IAM: (Stage, &str) = (Stage::Iam, "https://iamcredentials.googleapis.com");
    const OAUTH: (Stage, &str) = (Stage::TokenEndpoint, "https://oauth2.googleapis.com");
    let emulator = Emulator::start().await.unwrap();
    let mut key: Value = serde_json::from_str(&emulator.key_file_json(ROBOT).unwrap()).unwrap();
    key.as_object_mut().unwrap().remove("token_uri");
    let federated = json!({
        "type": "external_account", "audience": "//iam.googleapis.com/pool",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "credential_source": {"url": "http://169.254.169.254/token?secret=1"},
        "service_account_impersonation_url": ACT_AS,
    });
    let acting = json!({
        "type": "impersonated_service_account", "source_credentials": user(),
        "service_account_impersonation_url": ACT_AS,
    });
    let cases = [
        (key, "service_account", Some(ROBOT), vec![OAUTH]),
        (user(), "authorized_user", None, vec![OAUTH]),
        (
            federated,
            "external_account",
            Some(ROBOT),
            vec![
                (Stage::Source, "http://169.254.169.254"),
                (Stage::TokenEndpoint, "https://sts.googleapis.com"),
                IAM,
            ],
        ),
        (
            acting,
            "impersonated_service_account",
            Some(ROBOT),
            vec![OAUTH, IAM],
        ),
    ];
    for (file, file_type, account, expected) in cases {
        let identity = of_file(&file).identify(&context()).unwrap();
        assert_eq!(identity.file_type(), Some(file_type));
        assert_eq!(identity.account(), account, "{file_type}");
        let expected: Vec<_> = expected
            .iter()
            .map(|(stage, origin)| (*stage, (*origin).to_owned()))
            .collect();
        assert_eq!(servers(&identity), expected, "{file_type}");
        assert!(!format!("{identity:?}").contains("secret"));
    }
}

#[test]
fn an_account_to_impersonate_adds_iam_unless_it_is_the_files_own() {
    let other = of_file(&user()).impersonate(ROBOT);
    let other = other.iam_endpoint("https://iam.example");
    let identity = other.identify(&context()).unwrap();
    assert_eq!(identity.account(), Some(ROBOT));
    let iam = (Stage::Iam, "https://iam.example".to_owned());
    assert_eq!(servers(&identity).last(), Some(&iam));

    let acting = json!({
        "type": "impersonated_service_account", "source_credentials": user(),
        "service_account_impersonation_url": ACT_AS,
    });
    let own = of_file(&acting).impersonate(ROBOT);
    let own = own.identify(&context()).unwrap();
    assert_eq!(own.servers().len(), 2);
}

#[tokio::test]
async fn a_probe_reads_the_servers_clock() {
    let emulator = Emulator::start().await.unwrap();
    emulator.set_clock_offset(-3600);
    let cx = context();
    let sts = Server::new(Stage::Sts, emulator.sts_endpoint()).unwrap();
    assert!(!sts.bypasses_proxy());
    let probed = sts.probe(&cx, LIMIT).await.unwrap();
    let behind = probed.received_at.duration_since(probed.date.unwrap());
    assert!((3595..3610).contains(&behind.unwrap().as_secs()));

    let metadata = MetadataServer::new().endpoint(emulator.metadata_endpoint());
    let metadata = metadata.server(&cx).unwrap();
    assert!(metadata.bypasses_proxy());
    assert_eq!(metadata.probe(&cx, LIMIT).await.unwrap().status, 200);
    // The metadata server's own header is sent, and no credentials.
    let sent = emulator.requests();
    let flavors: Vec<_> = sent.iter().map(|it| it.header("metadata-flavor")).collect();
    assert_eq!(flavors, [None, Some("Google")]);
    assert!(
        sent.iter()
            .all(|it| it.method() == "GET" && it.path() == "/")
    );
    assert!(sent.iter().all(|it| it.header("authorization").is_none()));
}

#[tokio::test]
async fn a_probe_of_a_server_that_is_down_says_why() {
    let emulator = Emulator::start().await.unwrap();
    emulator.refuse_connections(Call::Sts).await.unwrap();
    let sts = Server::new(Stage::Sts, emulator.sts_endpoint()).unwrap();
    let error = sts.probe(&context(), LIMIT).await.unwrap_err();
    assert_eq!(
        (error.stage(), error.kind()),
        (Stage::Sts, ErrorKind::Unavailable)
    );
    assert!(
        chain(&error).contains("Connection refused"),
        "{}",
        chain(&error)
    );
    assert_eq!(emulator.requests().len(), 0);
    for uri in ["", "sts", "ftp://a", "https://user@a"] {
        assert!(Server::new(Stage::Sts, uri).is_err(), "{uri}");
    }
}

#[test]
fn a_platform_names_its_sign() {
    // This machine may be any. Its variables decide first, so only the form is tested here.
    let platform = Platform::of(&context());
    let text = platform.to_string();
    match platform {
        Platform::Google(sign) => assert!(text.contains("on Google's") && text.contains(&sign)),
        Platform::Elsewhere(sign) => assert!(text.contains("not on") && text.contains(&sign)),
        Platform::Unclear(sign) => assert_eq!(text, sign),
        _ => unreachable!("there are three"),
    }
}

#[tokio::test]
async fn the_server_of_sts_is_where_the_exchange_goes() {
    let of = |provider: GoogleWebIdentityProvider| async move {
        provider.sts_server().await.unwrap().origin()
    };
    let in_region = |name: &'static str| builder().region(Region::new(name));
    let ireland = of(in_region("eu-west-1").build().await.unwrap()).await;
    assert_eq!(ireland, "https://sts.eu-west-1.amazonaws.com");
    let beijing = of(in_region("cn-north-1").build().await.unwrap()).await;
    assert_eq!(beijing, "https://sts.cn-north-1.amazonaws.com.cn");

    let fips = sdk_config().into_builder().use_fips(true).build();
    let fips = of(builder().configure(&fips).build().await.unwrap()).await;
    assert_eq!(fips, "https://sts-fips.us-east-1.amazonaws.com");

    let emulator = Emulator::start().await.unwrap();
    let own = of(from_emulator(&emulator).build().await.unwrap()).await;
    assert_eq!(own, emulator.sts_endpoint());
}

async fn provider(emulator: &Emulator) -> GoogleWebIdentityProvider {
    let source = MetadataServer::new().endpoint(emulator.metadata_endpoint());
    let builder = from_emulator(emulator).token_source(source);
    builder.build().await.unwrap()
}

const IDENTITY: &str = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
    <GetCallerIdentityResult><Arn>arn:aws:sts::123456789012:assumed-role/demo/me</Arn>\
    <UserId>AROA:me</UserId><Account>123456789012</Account></GetCallerIdentityResult>\
    </GetCallerIdentityResponse>";

#[tokio::test]
async fn the_caller_is_asked_for_with_the_session_that_is_held() {
    let emulator = watch::start().await;
    let provider = provider(&emulator).await;
    let session = provider.session().await.unwrap();
    let answer = || Answer::status(200).header("content-type", "text/xml");
    emulator.answer_next(Call::Sts, 1, answer().body(IDENTITY));
    let arn = provider.caller_identity().await.unwrap();
    assert_eq!(arn, "arn:aws:sts::123456789012:assumed-role/demo/me");
    let sent = emulator.requests_of(Call::Sts);
    assert_eq!(sent.len(), 2);
    let signed = sent[1].header("authorization").unwrap();
    assert!(
        signed.contains(session.credentials().access_key_id()),
        "{signed}"
    );
    let token = sent[1].header("x-amz-security-token");
    assert_eq!(token, session.credentials().session_token());
}

/// The exchange needs no Region at an explicit endpoint, the signature of this call does.
#[tokio::test]
async fn the_owner_is_asked_for_without_a_region_too() {
    let emulator = watch::start().await;
    let sdk = emulator.sdk_config().into_builder().region(None).build();
    let provider = GoogleWebIdentityProvider::builder(emulator.role_arn())
        .audience(emulator.audience())
        .token_source(MetadataServer::new().endpoint(emulator.metadata_endpoint()))
        .configure(&sdk)
        .environment([] as [(&str, &str); 0])
        .build()
        .await
        .unwrap();
    let unknown = provider.caller_identity().await.unwrap_err();
    assert_eq!(unknown.code(), Some("InvalidAction"), "{}", chain(&unknown));
    let sent = emulator.requests_of(Call::Sts);
    let signed = sent.last().unwrap().header("authorization").unwrap();
    assert!(signed.contains("/us-east-1/sts/aws4_request"), "{signed}");
}

#[tokio::test]
async fn credentials_that_are_refused_are_told_from_a_server_without_the_call() {
    let emulator = watch::start().await;
    let provider = provider(&emulator).await;
    let session = provider.session().await.unwrap();
    // The emulator's own answer.
    let unknown = provider.caller_identity().await.unwrap_err();
    assert_eq!(unknown.code(), Some("InvalidAction"));

    let refusal = sts_error(403, "InvalidClientTokenId", "The security token is invalid");
    emulator.answer_next(Call::Sts, 1, refusal);
    let refused = provider.caller_identity().await.unwrap_err();
    assert_eq!(
        (refused.stage(), refused.kind()),
        (Stage::Sts, ErrorKind::Denied)
    );
    assert_eq!(refused.code(), Some("InvalidClientTokenId"));
    assert!(refused.request_id().is_some());
    let text = chain(&refused);
    assert!(
        text.contains("GetCallerIdentity: HTTP 403 InvalidClientTokenId"),
        "{text}"
    );

    // As a server that shows what it has computed the signature of.
    let token = session.credentials().session_token().unwrap();
    let repeats = format!("the request was x-amz-security-token:{token}");
    emulator.answer_next(
        Call::Sts,
        1,
        sts_error(403, "SignatureDoesNotMatch", &repeats),
    );
    let refused = provider.caller_identity().await.unwrap_err();
    let text = chain(&refused);
    assert!(text.contains("the request was"), "{text}");
    assert!(!text.contains(&token[20..60]), "{text}");

    let empty = Answer::status(200).header("content-type", "text/xml");
    let empty = empty.body(IDENTITY.replace("arn:aws:sts::123456789012:assumed-role/demo/me", ""));
    emulator.answer_next(Call::Sts, 1, empty);
    let malformed = provider.caller_identity().await.unwrap_err();
    assert_eq!(malformed.kind(), ErrorKind::MalformedResponse);

    emulator.refuse_connections(Call::Sts).await.unwrap();
    let down = provider.caller_identity().await.unwrap_err();
    assert_eq!(down.kind(), ErrorKind::Unavailable);
}
