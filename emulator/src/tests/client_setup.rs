//! What points a program at the emulator, and what the servers say about themselves.

use super::helpers::*;
use crate::*;

#[tokio::test]
async fn the_default_role_and_the_environment_follow_the_audience() {
    let audience = "https://other.example.com";
    let emulator = Emulator::builder().audience(audience).start().await;
    let emulator = emulator.unwrap();
    assert_eq!(emulator.audience(), audience);
    assert_eq!(emulator.service_account_email(), ROBOT);
    let named = |env: Vec<(String, String)>, name: &str| {
        env.into_iter()
            .find_map(|(key, value)| (key == name).then_some(value))
    };
    let env = emulator.env();
    assert_eq!(named(env, "TARGET_AUDIENCE").as_deref(), Some(audience));
    let env = emulator.key_file_env("/a/key.json");
    assert_eq!(
        named(env, "GOOGLE_APPLICATION_CREDENTIALS").as_deref(),
        Some("/a/key.json")
    );
    let mut claims = id_token_claims(&emulator);
    for (aud, status) in [(DEFAULT_AUDIENCE, 403), (audience, 200)] {
        claims["aud"] = aud.into();
        let token = emulator.issue_id_token(&claims).unwrap();
        let answer = assume_role(&emulator, &assume_role_form(&token)).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        if status == 200 {
            let issued = emulator.issued(answer.element("AccessKeyId")).unwrap();
            assert_eq!(issued.role_arn(), emulator.role_arn());
            assert_eq!(issued.session_name(), "session");
            let credentials = issued.credentials();
            assert_eq!(credentials.session_token(), Some(issued.session_token()));
            assert_eq!(credentials.expiry(), Some(issued.expires_at()));
        }
    }
}

#[tokio::test]
async fn a_further_token_uri_is_an_audience() {
    let further = "https://tls.example.com/token";
    for (builder, status) in [
        (Emulator::builder().token_uri(further), 200),
        (Emulator::builder(), 400),
    ] {
        let emulator = builder.start().await.unwrap();
        let mut claims = assertion_claims(&emulator);
        claims["aud"] = further.into();
        let answer = exchange(&emulator, &claims, &file_key()).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

#[tokio::test]
async fn the_discovery_document_names_the_keys() {
    let emulator = Emulator::start().await.unwrap();
    let jwks_uri = emulator.jwks_uri();
    let origin = jwks_uri.trim_end_matches("/oauth2/v3/certs");
    let document = get(origin, "/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(document["issuer"], "https://accounts.google.com");
    assert_eq!(document["jwks_uri"], jwks_uri);
    assert_eq!(get(origin, "/elsewhere").await.status, 404);
    let requests = emulator.requests();
    let calls: Vec<_> = requests.iter().map(RecordedRequest::call).collect();
    assert_eq!(calls, [Call::Jwks, Call::Other]);
    let headers: Vec<_> = requests[0].headers().collect();
    assert!(
        headers.contains(&("metadata-flavor", "Google")),
        "{headers:?}"
    );
}

#[tokio::test]
async fn the_metadata_server_knows_project_zone_and_accounts() {
    let emulator = Emulator::start().await.unwrap();
    for (path, says) in [
        ("", "instance/"),
        ("project/project-id", "demo-project"),
        ("universe/universe-domain", "googleapis.com"),
        ("instance/zone", "/zones/"),
        ("instance/service-accounts/", ROBOT),
        ("instance/service-accounts/default/", "identity"),
        ("instance/service-accounts/default/email", ROBOT),
    ] {
        let path = format!("/computeMetadata/v1/{path}");
        let answer = get(emulator.metadata_endpoint(), &path).await;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.body.contains(says), "{path}: {}", answer.body);
    }
    let number = "/computeMetadata/v1/project/numeric-project-id";
    let number = get(emulator.metadata_endpoint(), number).await.body;
    assert!(number.parse::<u64>().is_ok(), "{number}");
    let nothing = get(emulator.metadata_endpoint(), "/computeMetadata/v1/nothing").await;
    assert_eq!(nothing.status, 404);
}

#[tokio::test]
async fn debug_shows_answers_and_faults_but_no_secret() {
    let emulator = Emulator::start().await.unwrap();
    let token = emulator
        .issue_id_token(&id_token_claims(&emulator))
        .unwrap();
    for (shown, says) in [
        (format!("{:?}", Answer::genuine()), "genuine"),
        (format!("{:?}", Answer::status(503)), "503"),
        (format!("{:?}", Fault::hang()), "Hang"),
        (format!("{:?}", Fault::truncated_body()), "BodyBytes"),
    ] {
        assert!(shown.contains(says), "{says}: {shown}");
    }
    let shown = format!(
        "{emulator:?} {:?} {:?}",
        emulator.hold(Call::Sts),
        Trickle::new()
    );
    assert!(
        shown.contains("reached: 0") && shown.contains("released: 0"),
        "{shown}"
    );
    assert!(!shown.contains(token.rsplit('.').next().unwrap()));
    assert_eq!(emulator.secrets(), [token]);
}
