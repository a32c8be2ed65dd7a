use super::*;

#[test]
fn the_json_is_in_the_usual_order() {
    let keys = ConditionKeys::from_claims(Some("1172"), "https://a", "1172");
    let text = Document::admitting(&keys, None).unwrap().to_string();
    assert_eq!(
        text,
        r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "Federated": "accounts.google.com"
      },
      "Action": "sts:AssumeRoleWithWebIdentity",
      "Condition": {
        "StringEquals": {
          "accounts.google.com:oaud": "https://a",
          "accounts.google.com:sub": "1172"
        }
      }
    }
  ]
}"#
    );
    assert!(
        text.parse::<TrustPolicy>()
            .unwrap()
            .judge(&keys)
            .is_admitted()
    );
}

#[test]
fn no_part_of_an_audience_is_a_template_or_ends_the_string() {
    let audience = "https://a/${aws:userid}%{x}\"\\\n";
    let keys = ConditionKeys::from_claims(Some("1"), audience, "1");
    let text = Document::admitting(&keys, None).unwrap().to_terraform();
    // `${` is the policy's own escape `${$}{`, and `$` is doubled for Terraform.
    let expected = r#"values   = ["https://a/$${$}{aws:userid}%%{x}\"\\\u000a"]"#;
    assert!(text.contains(expected), "{text}");
}

#[test]
fn an_issuers_provider_is_in_the_roles_account() {
    let keys = ConditionKeys::of_issuer("https://issuer.example", None, "aud", "sub");
    let role: RoleArn = "arn:aws:iam::123456789012:role/demo".parse().unwrap();
    let known = Document::admitting(&keys, Some(&role)).unwrap();
    assert!(!known.lacks_account());
    let arn = "arn:aws:iam::123456789012:oidc-provider/issuer.example";
    assert!(known.to_terraform().contains(arn));
    assert!(Document::admitting(&keys, None).unwrap().lacks_account());
}
