//! From each Google identity to AWS credentials.

use super::helpers::*;
use crate::state::keys::{hex, random};
use crate::*;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

async fn assert_admitted(emulator: &Emulator, token: &str) {
    let answer = assume_role(emulator, &assume_role_form(token)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let issued = emulator.issued(answer.element("AccessKeyId")).unwrap();
    assert_eq!(
        answer.element("SecretAccessKey"),
        issued.secret_access_key()
    );
    assert_eq!(answer.element("SessionToken"), issued.session_token());
    assert_eq!(
        answer.element("Arn"),
        "arn:aws:sts::123456789012:assumed-role/demo/session"
    );
}

#[tokio::test]
async fn an_assertion_of_the_key_file_becomes_credentials() {
    let emulator = Emulator::start().await.unwrap();
    let file: Value = serde_json::from_str(&emulator.key_file_json(ROBOT).unwrap()).unwrap();
    let pem = file["private_key"].as_str().unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let pair = RsaKeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({"alg": "RS256", "typ": "JWT", "kid": file["private_key_id"]});
    let message = format!("{}.{}", encode(header), encode(assertion_claims(&emulator)));
    let mut signature = vec![0; pair.public_modulus_len()];
    let random = aws_lc_rs::rand::SystemRandom::new();
    pair.sign(
        &aws_lc_rs::signature::RSA_PKCS1_SHA256,
        &random,
        message.as_bytes(),
        &mut signature,
    )
    .unwrap();
    let assertion = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    let answer = exchange_assertion(&emulator, &assertion).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json()["id_token"].as_str().unwrap().to_owned();
    assert_eq!(claims_of(&token)["azp"], ROBOT);
    assert_eq!(claims_of(&token)["email"], ROBOT);
    assert_admitted(&emulator, &token).await;
}

#[tokio::test]
async fn a_metadata_token_becomes_credentials() {
    let emulator = Emulator::start().await.unwrap();
    let path = "/computeMetadata/v1/instance/service-accounts/default/identity?audience=https%3A%2F%2Fmyservice.example.com";
    let answer = get(emulator.metadata_endpoint(), path).await;
    let claims = claims_of(&answer.body);
    assert_eq!(claims["azp"], emulator.service_account_id());
    assert_eq!(claims.get("email"), None);
    assert_admitted(&emulator, &answer.body).await;
    let full = get(
        emulator.metadata_endpoint(),
        &format!("{path}&format=full&licenses=TRUE"),
    )
    .await;
    let claims = claims_of(&full.body);
    assert_eq!(claims["email"], ROBOT);
    assert!(claims["google"]["compute_engine"]["license_id"].is_array());
}

#[tokio::test]
async fn the_attached_account_signs_through_iam() {
    let emulator = Emulator::start().await.unwrap();
    let path = "/computeMetadata/v1/instance/service-accounts/default/token";
    let answer = get(emulator.metadata_endpoint(), path).await.json();
    let bearer = format!(
        "Authorization: Bearer {}\r\n",
        answer["access_token"].as_str().unwrap()
    );
    let claims = assertion_claims(&emulator);
    let body = json!({"payload": claims.to_string()}).to_string();
    let path = format!("/v1/projects/-/serviceAccounts/{ROBOT}%3AsignJwt");
    let signed = post(emulator.iam_endpoint(), &path, &bearer, &body).await;
    assert_eq!(signed.status, 200, "{}", signed.body);
    let assertion = signed.json()["signedJwt"].as_str().unwrap().to_owned();
    let answer = exchange_assertion(&emulator, &assertion).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_admitted(&emulator, answer.json()["id_token"].as_str().unwrap()).await;
    let asked: Vec<_> = emulator
        .requests()
        .iter()
        .map(RecordedRequest::call)
        .collect();
    assert_eq!(
        asked,
        [
            Call::MetadataToken,
            Call::SignJwt,
            Call::TokenEndpoint,
            Call::Sts
        ]
    );
    let claims = Some(claims);
    assert_eq!(
        emulator.requests_of(Call::SignJwt)[0].assertion_claims(),
        claims
    );
    assert_eq!(
        emulator.requests_of(Call::TokenEndpoint)[0].assertion_claims(),
        claims
    );
    let sts = &emulator.requests_of(Call::Sts)[0];
    assert_eq!(sts.id_token_claims().unwrap()["aud"], DEFAULT_AUDIENCE);
}

#[tokio::test]
async fn generate_id_token_leads_to_credentials() {
    let emulator = Emulator::start().await.unwrap();
    let scope = json!({
        "iss": ROBOT, "aud": emulator.token_uri(), "scope": "https://www.googleapis.com/auth/iam",
        "iat": seconds(&emulator), "exp": seconds(&emulator) + 60,
    });
    let access = exchange(&emulator, &scope, &file_key()).await.json();
    let bearer = format!(
        "Authorization: Bearer {}\r\n",
        access["access_token"].as_str().unwrap()
    );
    let path = format!(
        "/v1/projects/-/serviceAccounts/{}:generateIdToken",
        emulator.service_account_id()
    );
    let body = json!({"audience": DEFAULT_AUDIENCE}).to_string();
    let answer = post(emulator.iam_endpoint(), &path, &bearer, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(claims_of(&token)["azp"], emulator.service_account_id());
    assert_eq!(claims_of(&token).get("email"), None);
    assert_admitted(&emulator, &token).await;
}

#[tokio::test]
async fn the_jwks_verifies_only_google_s_tokens() {
    let emulator = Emulator::start().await.unwrap();
    let jwks = get(
        emulator.jwks_uri().trim_end_matches("/oauth2/v3/certs"),
        "/oauth2/v3/certs",
    )
    .await;
    let key = &jwks.json()["keys"][0];
    let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let public = aws_lc_rs::signature::RsaPublicKeyComponents {
        n: part("n"),
        e: part("e"),
    };
    let verifies = |token: &str| {
        let (message, signature) = token.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let algorithm = &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
        public
            .verify(algorithm, message.as_bytes(), &signature)
            .is_ok()
    };
    let claims = id_token_claims(&emulator);
    assert!(verifies(&emulator.issue_id_token(&claims).unwrap()));
    assert!(!verifies(
        &emulator.issue_foreign_id_token(&claims).unwrap()
    ));
}

#[tokio::test]
async fn the_environment_names_endpoints_role_and_audience() {
    let emulator = Emulator::start().await.unwrap();
    let env: std::collections::HashMap<_, _> = emulator.env().into_iter().collect();
    assert_eq!(env["AWS_ENDPOINT_URL_STS"], emulator.sts_endpoint());
    assert_eq!(env["GCE_METADATA_HOST"], emulator.metadata_host());
    assert_eq!(env["AWS_ROLE_ARN"], DEFAULT_ROLE_ARN);
    assert_eq!(env["TARGET_AUDIENCE"], DEFAULT_AUDIENCE);
    let env: std::collections::HashMap<_, _> =
        emulator.key_file_env("/k.json").into_iter().collect();
    assert_eq!(env["GOOGLE_APPLICATION_CREDENTIALS"], "/k.json");
    assert!(!env.contains_key("GCE_METADATA_HOST"));
    assert_eq!(
        emulator.sdk_config().region().unwrap().as_ref(),
        "us-east-1"
    );
}

#[tokio::test]
async fn a_written_key_file_is_private() {
    let emulator = Emulator::start().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.json");
    emulator.write_key_file(ROBOT, &path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let again = emulator.write_key_file(ROBOT, &path).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    let unknown = emulator.key_file_json("nobody@example.com").unwrap_err();
    assert_eq!(unknown.kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn accounts_must_differ_in_name_and_id() {
    let account = || ServiceAccount::new(ROBOT).unique_id("1");
    let other = ServiceAccount::new("other@example.com").unique_id("1");
    for second in [account(), other] {
        let start = Emulator::builder()
            .service_account(account())
            .service_account(second)
            .start();
        assert_eq!(start.await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_rotated_key_is_refused_for_good() {
    let address = format!(
        "rotated-{}@demo-project.iam.gserviceaccount.com",
        hex(&random(4))
    );
    let builder = Emulator::builder().service_account(ServiceAccount::new(&address));
    let emulator = builder.start().await.unwrap();
    let mut claims = assertion_claims(&emulator);
    claims["iss"] = json!(address);
    let key = || emulator.account(&address).unwrap().file_key();
    let old = key();
    emulator.rotate_key_file(&address).unwrap();
    let refused = exchange(&emulator, &claims, &old).await;
    assert_eq!(
        refused.json()["error_description"],
        "Invalid JWT Signature."
    );
    assert_eq!(exchange(&emulator, &claims, &key()).await.status, 200);
    // Also after many rotations.
    for _ in 0..3 {
        emulator.rotate_key_file(&address).unwrap();
        assert_eq!(exchange(&emulator, &claims, &old).await.status, 400);
    }
    assert_eq!(exchange(&emulator, &claims, &key()).await.status, 200);
}

#[test]
fn handles_can_be_shared_between_threads() {
    fn assert_send_sync<T: Send + Sync + 'static>() {}
    assert_send_sync::<Emulator>();
    assert_send_sync::<EmulatorBuilder>();
    assert_send_sync::<Answer>();
    assert_send_sync::<Fault>();
    assert_send_sync::<Trickle>();
    assert_send_sync::<Hold>();
    assert_send_sync::<RecordedRequest>();
    assert_send_sync::<IssuedCredentials>();
}
