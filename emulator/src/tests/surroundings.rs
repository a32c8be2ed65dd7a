//! Surroundings in which a healthy client fails: an IAM OIDC provider, a hijacked name, GKE.

use super::helpers::*;
use crate::*;
use serde_json::json;

const NOT_VALIDATED: &str = "The web identity token provided could not be validated. See the AssumeRoleWithWebIdentity documentation for requirements.";

const IDENTITY: &str =
    "/computeMetadata/v1/instance/service-accounts/default/identity?audience=https://a.example";

fn assert_not_validated(answer: &Received) {
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(answer.element("Code"), "InvalidIdentityToken");
    assert_eq!(answer.element("Message"), NOT_VALIDATED);
}

async fn assume(emulator: &Emulator, claims: &Value) -> Received {
    let token = emulator.issue_id_token(claims).unwrap();
    assume_role(emulator, &assume_role_form(&token)).await
}

#[tokio::test]
async fn an_oidc_provider_with_the_audience_refuses_a_token_with_azp() {
    let builder = Emulator::builder().oidc_provider([DEFAULT_AUDIENCE]);
    let emulator = builder.start().await.unwrap();
    assert_not_validated(&assume(&emulator, &id_token_claims(&emulator)).await);
}

#[tokio::test]
async fn an_oidc_provider_with_the_azp_admits_the_token() {
    let emulator = Emulator::start().await.unwrap();
    let claims = id_token_claims(&emulator);
    emulator.put_oidc_provider(["another", emulator.service_account_id()]);
    assert_eq!(assume(&emulator, &claims).await.status, 200);
    emulator.put_oidc_provider(["another"]);
    assert_not_validated(&assume(&emulator, &claims).await);
    emulator.put_oidc_provider([""; 0]);
    assert_not_validated(&assume(&emulator, &claims).await);
    emulator.remove_oidc_provider();
    assert_eq!(assume(&emulator, &claims).await.status, 200);
}

#[tokio::test]
async fn an_oidc_provider_reads_the_audience_of_a_token_without_azp() {
    let builder = Emulator::builder().oidc_provider([DEFAULT_AUDIENCE]);
    let emulator = builder.start().await.unwrap();
    let mut claims = id_token_claims(&emulator);
    claims.as_object_mut().unwrap().remove("azp");
    let answer = assume(&emulator, &claims).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    claims["aud"] = json!("https://other.example.com");
    assert_not_validated(&assume(&emulator, &claims).await);
}

#[tokio::test]
async fn the_trust_policy_still_decides_behind_an_oidc_provider() {
    let emulator = Emulator::start().await.unwrap();
    emulator.put_oidc_provider([emulator.service_account_id()]);
    let mut claims = id_token_claims(&emulator);
    claims["aud"] = json!("https://other.example.com");
    let answer = assume(&emulator, &claims).await;
    assert_eq!(
        (answer.status, answer.element("Code")),
        (403, "AccessDenied")
    );
}

#[tokio::test]
async fn a_stranger_answers_with_html_and_without_the_flavor() {
    let emulator = Emulator::start().await.unwrap();
    emulator.answer_next(Call::MetadataIdentity, 1, Answer::stranger());
    let stranger = get(emulator.metadata_endpoint(), IDENTITY).await;
    assert_eq!(stranger.status, 404);
    assert_eq!(stranger.header("metadata-flavor"), None);
    assert_eq!(
        stranger.header("content-type"),
        Some("text/html; charset=UTF-8")
    );
    assert!(stranger.body.starts_with("<html>"), "{}", stranger.body);
    let healthy = get(emulator.metadata_endpoint(), IDENTITY).await;
    assert_eq!(healthy.header("metadata-flavor"), Some("Google"));
}

#[tokio::test]
async fn gke_refuses_an_account_that_is_not_linked() {
    let emulator = Emulator::builder().gke().start().await.unwrap();
    let refusal = Answer::gke_not_annotated("prod", "app");
    emulator.answer_next(Call::MetadataIdentity, 1, refusal);
    let answer = get(emulator.metadata_endpoint(), IDENTITY).await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("metadata-flavor"), Some("Google"));
    let start = "Your Kubernetes service account (prod/app) is not annotated with a target Google service account, ";
    assert!(answer.body.starts_with(start), "{}", answer.body);
    assert!(
        answer.body.contains("iam.gke.io/gcp-service-account="),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn only_gke_puts_the_email_into_standard_tokens() {
    for (builder, email) in [
        (Emulator::builder().gke(), json!(ROBOT)),
        (Emulator::builder(), Value::Null),
    ] {
        let emulator = builder.start().await.unwrap();
        let path = format!("{IDENTITY}&format=standard");
        let claims = claims_of(&get(emulator.metadata_endpoint(), &path).await.body);
        assert_eq!(claims["email"], email);
        assert_eq!(claims["azp"], emulator.service_account_id());
        assert_eq!(claims["google"], Value::Null);
    }
}
