use super::*;

const AUDIENCE: &str = "https://myservice.example.com";
const ROBOT: &str = "117291390000000000001";
const EMAIL: &str = "robot@demo-project.iam.gserviceaccount.com";

fn keys() -> ConditionKeys {
    ConditionKeys::from_claims(Some(ROBOT), AUDIENCE, ROBOT)
}

fn policy(condition: &str) -> TrustPolicy {
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow",
        "Principal": {{"Federated": "accounts.google.com"}},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {condition}}}]}}"#
    );
    policy.parse().unwrap()
}

fn first_words(condition: &str) -> String {
    let found = too_wide(&policy(condition), &keys());
    let found = found.first().map(String::as_str).unwrap_or("nothing");
    found.chars().take(36).collect()
}

#[test]
fn a_policy_that_pins_sub_and_audience_is_narrow() {
    assert!(too_wide(&TrustPolicy::admitting(&keys()), &keys()).is_empty());
    for narrow in [
        r#"{"StringEquals": {"accounts.google.com:sub": ["117291390000000000001", "117291390000000000002"],
            "accounts.google.com:oaud": "https://myservice.example.com"}}"#,
        r#"{"StringEquals": {"accounts.google.com:aud": "117291390000000000001",
            "accounts.google.com:oaud": "https://myservice.example.com"}}"#,
        r#"{"StringEquals": {"accounts.google.com:email": "robot@demo-project.iam.gserviceaccount.com",
            "accounts.google.com:oaud": "https://myservice.example.com"}}"#,
        // No token of a service account has its audience as azp: it admits nobody.
        r#"{"StringEquals": {"accounts.google.com:aud": "https://myservice.example.com"}}"#,
    ] {
        assert_eq!(first_words(narrow), "nothing", "{narrow}");
    }
}

#[test]
fn a_policy_that_pins_no_identity_admits_every_google_account() {
    for wide in [
        "{}",
        r#"{"StringEquals": {"accounts.google.com:oaud": "https://myservice.example.com"}}"#,
        // Also when the audience is not the one that this identity asks for.
        r#"{"StringEquals": {"accounts.google.com:oaud": "https://other.example.com"}}"#,
        r#"{"StringEquals": {"accounts.google.com:aud": "1-a.apps.googleusercontent.com"}}"#,
        r#"{"StringLike": {"accounts.google.com:sub": "1172*"}}"#,
        r#"{"StringLike": {"accounts.google.com:sub": "*"}}"#,
        r#"{"StringEqualsIfExists": {"accounts.google.com:email": "robot@demo-project.iam.gserviceaccount.com"}}"#,
        r#"{"StringLike": {"accounts.google.com:email": "*.gserviceaccount.com"},
            "Null": {"accounts.google.com:oaud": "false"}}"#,
        r#"{"StringNotEquals": {"accounts.google.com:sub": "1"}}"#,
    ] {
        assert_eq!(
            first_words(wide),
            "the policy admits every Google accou",
            "{wide}"
        );
    }
}

#[test]
fn a_policy_on_sub_alone_admits_tokens_for_other_services() {
    let wide = r#"{"StringEquals": {"accounts.google.com:sub": "117291390000000000001"}}"#;
    assert_eq!(first_words(wide), "the policy admits a token of this id");
}

#[test]
fn a_persons_client_is_no_identity() {
    let client = "32555940559.apps.googleusercontent.com";
    let person = ConditionKeys::from_claims(Some(client), client, "100000000000000000002")
        .with("accounts.google.com:email", EMAIL);
    let wide = policy(
        r#"{"StringEquals": {"accounts.google.com:aud": "32555940559.apps.googleusercontent.com"}}"#,
    );
    assert!(too_wide(&wide, &person)[0].contains("every Google account"));
}
