//! Trust policies and session policies.

use super::{Checked, check, check_text, damaged, text};
use crate::support::builder;
use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn keys(aud: &str) -> ConditionKeys {
    ConditionKeys::from_claims(None, aud, "117291390000000000001")
}

fn policy(condition: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": [{
        "Sid": "Google", "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"},
        "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition,
    }]})
    .to_string()
}

fn like(pattern: &str) -> String {
    policy(&json!({"StringLike": {"accounts.google.com:oaud": pattern}}))
}

/// Checks that the text is a policy that stays the same when written again, or that its refusal is
/// short.
fn judged_or_refused(policy: &str) -> Checked {
    let parsed: TrustPolicy = match policy.parse() {
        Ok(parsed) => parsed,
        Err(error) => return check_text(&error).map(drop),
    };
    let verdict = parsed.judge(&keys("https://a"));
    let explained = verdict.to_string();
    prop_assert!(explained.len() < 4096 + 100 * policy.len());
    let again: TrustPolicy = parsed.to_string().parse().unwrap();
    prop_assert_eq!(again.judge(&keys("https://a")), verdict);
    Ok(())
}

#[test]
fn a_damaged_policy_is_judged_or_refused() {
    let policies = vec![
        like("https://*"),
        policy(&json!({"ForAnyValue:StringNotEqualsIfExists": {"accounts.google.com:sub": ["1", "2"]},
            "NumericLessThan": {"accounts.google.com:aud": 7}, "Null": {"accounts.google.com:email": true}})),
        json!({"Version": "2008-10-17", "Id": "i", "Statement": {"Effect": "Deny", "Principal": "*", "NotAction": "s3:*"}}).to_string(),
    ];
    check(1500, damaged(policies), |policy| {
        judged_or_refused(&text(&policy))
    });
    check(300, any::<String>(), |text| judged_or_refused(&text));
}

/// The words of policies in any arrangement.
fn any_policy() -> impl Strategy<Value = Value> {
    let word = select(vec![
        "Version",
        "2012-10-17",
        "2008-10-17",
        "Id",
        "Statement",
        "Sid",
        "Effect",
        "Allow",
        "Deny",
        "Principal",
        "NotPrincipal",
        "Federated",
        "accounts.google.com",
        "AWS",
        "Service",
        "*",
        "Action",
        "NotAction",
        "sts:AssumeRoleWithWebIdentity",
        "sts:*",
        "Condition",
        "StringEquals",
        "StringLike",
        "StringNotLike",
        "ForAllValues:StringLike",
        "BoolIfExists",
        "Null",
        "NumericEquals",
        "DateEquals",
        "accounts.google.com:aud",
        "accounts.google.com:sub",
        "accounts.google.com:email",
        "aws:SourceIp",
        "https://a",
        "https://*",
        "${aws:x}",
        "true",
        "-1e3",
    ]);
    let leaf = prop_oneof![
        word.clone().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(Value::Null),
    ];
    let any = leaf.prop_recursive(4, 40, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((word.clone(), inner), 0..4).prop_map(|entries| {
                let entries = entries.into_iter();
                Value::Object(
                    entries
                        .map(|(name, value)| (name.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    });
    (any.clone(), any).prop_map(|(condition, statement)| match statement {
        Value::Object(_) => json!({"Version": "2012-10-17", "Statement": statement}),
        _ => serde_json::from_str(&policy(&condition)).unwrap(),
    })
}

#[test]
fn a_policy_of_any_shape_is_judged_or_refused() {
    check(1500, any_policy(), |policy| {
        judged_or_refused(&policy.to_string())
    });
}

/// The definition of wildcards, without regard to time.
fn matches(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        (['*', rest @ ..], text) => {
            matches(rest, text) || (!text.is_empty() && matches(pattern, &text[1..]))
        }
        (['?', pattern @ ..], [_, text @ ..]) => matches(pattern, text),
        ([c, pattern @ ..], [d, text @ ..]) => c == d && matches(pattern, text),
        _ => false,
    }
}

#[test]
fn wildcards_match_by_their_definition() {
    let pattern = vec(select(vec!['a', 'b', 'é', '🦀', '*', '?']), 0..8);
    let value = vec(select(vec!['a', 'b', 'é', '🦀', '*']), 0..10);
    check(3000, (pattern, value), |(pattern, value)| {
        let expected = matches(&pattern, &value);
        let (pattern, value): (String, String) = (pattern.iter().collect(), value.iter().collect());
        let policy: TrustPolicy = like(&pattern).parse().unwrap();
        prop_assert_eq!(policy.judge(&keys(&value)).is_admitted(), expected);
        Ok(())
    });
}

#[test]
fn long_names_are_cut_in_errors() {
    let long = "long".repeat(3000);
    for policy in [
        format!(r#"{{"{long}":1,"{long}":1}}"#),
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {&*long: []}, "Action": "*"}}).to_string(),
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": {&*long: {}}, "Action": "*"}}).to_string(),
        json!({&*long: 1}).to_string(),
        policy(&json!({"StringLike": {&*long: {}}})),
        policy(&json!({&*long: {"a": {}}})),
        policy(&json!({&*long: 1})),
    ] {
        assert!(policy.parse::<TrustPolicy>().is_err());
        judged_or_refused(&policy).unwrap();
    }
}

#[test]
fn a_damaged_session_policy_is_accepted_or_refused_by_name() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let policy = r#"{ "Version": "2012-10-17", "Statement": [ { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } ] }"#;
    check(500, damaged(vec![policy.to_owned()]), |policy| {
        let policy = text(&policy);
        let built = runtime.block_on(builder().policy(&*policy).policy_arns([&*policy]).build());
        let error = built.expect_err("no policy is an ARN too").to_string();
        prop_assert!(
            error.len() < super::MAX_TEXT && error.contains("policy_arns: "),
            "{}",
            error
        );
        let json = serde_json::from_str::<serde_json::Map<String, Value>>(&policy).is_ok();
        let short = policy.chars().count() <= 2048;
        let refused = ["is not a JSON object", "is truncated: ", "is empty", "has "]
            .iter()
            .any(|rule| error.contains(&format!("policy: {rule}")));
        prop_assert!(!(json && short && refused), "{}", error);
        prop_assert!(json || refused, "{}", error);
        Ok(())
    });
}
