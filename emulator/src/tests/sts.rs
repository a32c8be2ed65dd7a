//! What STS refuses.

use super::helpers::*;
use crate::*;
use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use serde_json::json;
use std::time::Duration;

const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

#[tokio::test]
async fn a_success_is_a_document_of_aws() {
    let emulator = Emulator::start().await.unwrap();
    let token = emulator
        .issue_id_token(&id_token_claims(&emulator))
        .unwrap();
    let mut form = assume_role_form(&token);
    form.push(("Policy", r#"{"Version":"2012-10-17","Statement":[]}"#));
    let answer = assume_role(&emulator, &form).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.body.starts_with(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
    ));
    assert_eq!(answer.element("Provider"), "accounts.google.com");
    assert_eq!(answer.element("Audience"), emulator.service_account_id());
    assert_eq!(
        answer.element("SubjectFromWebIdentityToken"),
        emulator.service_account_id()
    );
    assert_eq!(answer.element("PackedPolicySize"), "2");
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!(
        answer.header("x-amzn-requestid"),
        Some(answer.element("RequestId"))
    );
    let issued = emulator.issued(answer.element("AccessKeyId")).unwrap();
    let left = issued.expires_at().duration_since(emulator.now()).unwrap();
    assert!((3590..=3600).contains(&left.as_secs()), "{left:?}");
}

#[tokio::test]
async fn parameters_out_of_range_are_validation_errors() {
    let emulator = Emulator::start().await.unwrap();
    let token = emulator
        .issue_id_token(&id_token_claims(&emulator))
        .unwrap();
    let long = "x".repeat(65);
    let huge = "x".repeat(20_001);
    let policy = format!("{{\"Statement\":\"{}\"}}", "x".repeat(2040));
    let cases = [
        ("RoleSessionName", "x", "greater than or equal to 2"),
        ("RoleSessionName", &long, "less than or equal to 64"),
        ("RoleSessionName", "a b", "pattern: [\\w+=,.@-]*"),
        ("RoleSessionName", "größe", "pattern"),
        ("RoleArn", "arn:aws:iam::1:x", "greater than or equal to 20"),
        (
            "RoleArn",
            "arn:aws:iam::123456789012:user/demo",
            "Request ARN is invalid",
        ),
        ("WebIdentityToken", "abc", "greater than or equal to 4"),
        ("WebIdentityToken", &huge, "less than or equal to 20000"),
        ("DurationSeconds", "899", "greater than or equal to 900"),
        ("DurationSeconds", "43201", "less than or equal to 43200"),
        ("ProviderId", "accounts.google.com", "ProviderId"),
        ("Policy", &policy, "less than or equal to 2048"),
        ("PolicyArns.member.1.arn", "ReadOnly", "is not valid"),
    ];
    for (name, value, words) in cases {
        let mut form = assume_role_form(&token);
        form.retain(|(key, _)| *key != name);
        form.push((name, value));
        let answer = assume_role(&emulator, &form).await;
        assert_eq!(answer.status, 400, "{name}={value}");
        assert_eq!(answer.element("Code"), "ValidationError", "{name}={value}");
        assert!(answer.element("Message").contains(words), "{}", answer.body);
    }
    for name in ["RoleArn", "RoleSessionName", "WebIdentityToken"] {
        let mut form = assume_role_form(&token);
        form.retain(|(key, _)| *key != name);
        let answer = assume_role(&emulator, &form).await;
        assert!(
            answer.element("Message").contains("must not be null"),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn policies_and_actions_have_their_own_codes() {
    let emulator = Emulator::start().await.unwrap();
    let token = emulator
        .issue_id_token(&id_token_claims(&emulator))
        .unwrap();
    let arn = format!("arn:aws:iam::aws:policy/{}", "x".repeat(2030));
    for (name, value, code) in [
        ("Action", "GetCallerIdentity", "InvalidAction"),
        ("Action", "", "MissingAction"),
        ("Version", "2012-01-01", "InvalidAction"),
        ("Policy", "{", "MalformedPolicyDocument"),
        ("Policy", "{}", "MalformedPolicyDocument"),
        ("PolicyArns.member.1.arn", &arn, "PackedPolicyTooLarge"),
    ] {
        let mut form = assume_role_form(&token);
        form.retain(|(key, _)| *key != name);
        form.push((name, value));
        assert_eq!(
            assume_role(&emulator, &form).await.element("Code"),
            code,
            "{name}={value}"
        );
    }
}

#[tokio::test]
async fn a_query_string_is_refused() {
    let emulator = Emulator::start().await.unwrap();
    let token = emulator
        .issue_id_token(&id_token_claims(&emulator))
        .unwrap();
    let form = encoded(&assume_role_form(&token));
    let path = format!("/?{form}");
    assert_eq!(get(emulator.sts_endpoint(), &path).await.status, 400);
    for body in ["", &form] {
        let answer = post(emulator.sts_endpoint(), &path, "", body).await;
        assert_eq!(answer.element("Code"), "ValidationError");
    }
}

#[tokio::test]
async fn invalid_tokens_are_refused() {
    let emulator = Emulator::start().await.unwrap();
    let now = seconds(&emulator);
    let foreign = emulator
        .issue_foreign_id_token(&id_token_claims(&emulator))
        .unwrap();
    let with = |claim: &str, value: Value| {
        let mut claims = id_token_claims(&emulator);
        claims[claim] = value;
        emulator.issue_id_token(&claims).unwrap()
    };
    for (token, words) in [
        (foreign, "signature"),
        ("not a token".to_owned(), "not a valid JWT"),
        (
            with("iss", json!("https://issuer.example")),
            "The web identity token provided could not be validated.",
        ),
        (
            with("iat", json!(now + 400)),
            &format!("Token issued in the future: {}", now + 400),
        ),
        (
            with("nbf", json!(now + 400)),
            "must be after or equal to the not-before date/time",
        ),
        (with("sub", Value::Null), "required claim: sub"),
        (with("aud", json!(["a"])), "required claim: aud"),
        (with("exp", Value::Null), "required claim: exp"),
        (
            with("exp", json!(1.5)),
            "Invalid timestamp in token claims.",
        ),
        (
            with("nbf", json!("now")),
            "Invalid timestamp in token claims.",
        ),
    ] {
        let answer = assume_role(&emulator, &assume_role_form(&token)).await;
        assert_eq!(answer.status, 400, "{words}");
        assert_eq!(answer.element("Code"), "InvalidIdentityToken", "{words}");
        assert!(answer.element("Message").contains(words), "{}", answer.body);
    }
    let other_form = with("iss", json!("accounts.google.com"));
    assert_eq!(
        assume_role(&emulator, &assume_role_form(&other_form))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_token_is_accepted_for_five_minutes_after_exp() {
    let emulator = Emulator::start().await.unwrap();
    let ask = async |expired_for: i64| {
        let mut claims = id_token_claims(&emulator);
        claims["iat"] = json!(seconds(&emulator) - 4000);
        claims["exp"] = json!(seconds(&emulator) - expired_for);
        let token = emulator.issue_id_token(&claims).unwrap();
        assume_role(&emulator, &assume_role_form(&token)).await
    };
    assert_eq!(ask(290).await.status, 200);
    let late = ask(300).await;
    assert_eq!(
        (late.status, late.element("Code")),
        (400, "ExpiredTokenException")
    );
}

#[tokio::test]
async fn times_may_be_text() {
    let emulator = Emulator::start().await.unwrap();
    let mut claims = id_token_claims(&emulator);
    for name in ["iat", "exp"] {
        claims[name] = json!(claims[name].to_string());
    }
    let token = emulator.issue_id_token(&claims).unwrap();
    let answer = assume_role(&emulator, &assume_role_form(&token)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[tokio::test]
async fn a_refusal_for_the_time_reports_the_clock_with_the_leeway() {
    let clock = TestClock::new();
    let builder = Emulator::builder().test_clock(&clock);
    let emulator = builder.start().await.unwrap();
    let now = seconds(&emulator);
    let healthy = id_token_claims(&emulator);
    for (claim, time, message) in [
        (
            "exp",
            now - 400,
            format!(
                "Token expired: current date/time {} must be before the expiration date/time {}",
                now - 300,
                now - 400
            ),
        ),
        (
            "nbf",
            now + 400,
            format!(
                "Token not yet valid: current date/time {} must be after or equal to the not-before date/time {}",
                now + 300,
                now + 400
            ),
        ),
    ] {
        let mut claims = healthy.clone();
        claims["iat"] = json!(now - 4000);
        claims[claim] = json!(time);
        let token = emulator.issue_id_token(&claims).unwrap();
        let answer = assume_role(&emulator, &assume_role_form(&token)).await;
        assert_eq!(answer.element("Message"), message);
    }
}

#[tokio::test]
async fn an_unknown_role_is_denied_like_an_untrusting_one() {
    let elsewhere = ConditionKeys::from_claims(Some("2"), DEFAULT_AUDIENCE, "2");
    let emulator = Emulator::builder()
        .role(
            Role::new("arn:aws:iam::123456789012:role/others")
                .trust_policy(TrustPolicy::admitting(&elsewhere)),
        )
        .role(Role::new("arn:aws:iam::123456789012:role/nobody"))
        .start()
        .await
        .unwrap();
    let token = emulator
        .issue_id_token(&id_token_claims(&emulator))
        .unwrap();
    for name in ["others", "nobody", "missing"] {
        let arn = format!("arn:aws:iam::123456789012:role/{name}");
        let mut form = assume_role_form(&token);
        form.retain(|(key, _)| *key != "RoleArn");
        form.push(("RoleArn", &arn));
        let answer = assume_role(&emulator, &form).await;
        assert_eq!(
            (answer.status, answer.element("Code")),
            (403, "AccessDenied"),
            "{name}"
        );
        assert_eq!(answer.element("Message"), DENIED);
    }
}

#[tokio::test]
async fn another_audience_needs_another_trust_policy() {
    let emulator = Emulator::start().await.unwrap();
    let mut claims = id_token_claims(&emulator);
    claims["aud"] = json!("https://other.example.com");
    let token = emulator.issue_id_token(&claims).unwrap();
    let form = assume_role_form(&token);
    assert_eq!(assume_role(&emulator, &form).await.status, 403);
    let id = emulator.service_account_id();
    let keys = ConditionKeys::from_claims(Some(id), "https://other.example.com", id);
    let role = Role::new(DEFAULT_ROLE_ARN).trust_policy(TrustPolicy::admitting(&keys));
    emulator.put_role(role).unwrap();
    assert_eq!(assume_role(&emulator, &form).await.status, 200);
}

#[tokio::test]
async fn a_session_beyond_the_role_s_limit_is_refused() {
    let emulator = Emulator::start().await.unwrap();
    let token = emulator
        .issue_id_token(&id_token_claims(&emulator))
        .unwrap();
    let id = emulator.service_account_id();
    let keys = ConditionKeys::from_claims(Some(id), DEFAULT_AUDIENCE, id);
    let role = Role::new(DEFAULT_ROLE_ARN)
        .trust_policy(TrustPolicy::admitting(&keys))
        .max_session_length(Duration::from_secs(7200));
    emulator.put_role(role).unwrap();
    for (seconds, status) in [("7200", 200), ("7201", 400)] {
        let mut form = assume_role_form(&token);
        form.push(("DurationSeconds", seconds));
        let answer = assume_role(&emulator, &form).await;
        assert_eq!(answer.status, status);
        if status == 400 {
            assert_eq!(answer.element("Code"), "ValidationError");
            assert!(answer.element("Message").contains("MaxSessionDuration"));
        }
    }
}

#[tokio::test]
async fn the_clock_offset_moves_verification_and_date() {
    let emulator = Emulator::start().await.unwrap();
    let token = emulator
        .issue_id_token(&id_token_claims(&emulator))
        .unwrap();
    emulator.set_clock_offset(6 * 3600);
    let late = assume_role(&emulator, &assume_role_form(&token)).await;
    assert_eq!(late.element("Code"), "ExpiredTokenException");
    let date = aws_smithy_types::DateTime::from_str(
        late.header("date").unwrap(),
        aws_smithy_types::date_time::Format::HttpDate,
    );
    assert!((date.unwrap().secs() - seconds(&emulator)).abs() < 60);
    for extreme in [i64::MIN, i64::MAX] {
        emulator.set_clock_offset(extreme);
        let answer = assume_role(&emulator, &assume_role_form(&token)).await;
        assert_eq!(answer.status, 400, "{extreme}");
        let path =
            "/computeMetadata/v1/instance/service-accounts/default/identity?audience=a&format=full";
        assert_eq!(get(emulator.metadata_endpoint(), path).await.status, 200);
    }
    emulator.set_clock_offset(-6 * 3600);
    let early = assume_role(&emulator, &assume_role_form(&token)).await;
    assert_eq!(early.element("Code"), "InvalidIdentityToken");
}

#[tokio::test]
async fn a_replaced_role_keeps_its_place_and_may_test_the_session_name() {
    let emulator = Emulator::start().await.unwrap();
    let arn = emulator.role_arn();
    emulator
        .put_role(Role::new("arn:aws:iam::123456789012:role/another"))
        .unwrap();
    let policy = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringLike": {"sts:RoleSessionName": "myservice-*"}},
    }});
    let role = Role::new(&arn).trust_policy(policy.to_string());
    emulator.put_role(role).unwrap();
    assert_eq!(emulator.role_arn(), arn, "the first one, as before");
    let token = emulator
        .issue_id_token(&id_token_claims(&emulator))
        .unwrap();
    for (name, status) in [("myservice-1", 200), ("another", 403)] {
        let mut form = assume_role_form(&token);
        form.retain(|(field, _)| *field != "RoleSessionName");
        form.push(("RoleSessionName", name));
        assert_eq!(assume_role(&emulator, &form).await.status, status, "{name}");
    }
}
