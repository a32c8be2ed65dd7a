//! What the judge says, and what is no policy.

mod verdicts;

use super::*;

const SUB: &str = "117291390000000000001";
const EMAIL: &str = "robot@demo-project.iam.gserviceaccount.com";
const AUDIENCE: &str = "https://myservice.example.com";

/// A token of a key or of signJwt: `azp` is the e-mail.
fn by_key() -> ConditionKeys {
    ConditionKeys::from_claims(Some(EMAIL), AUDIENCE, SUB)
}

/// A token of the metadata server: `azp` is the numeric id.
fn by_metadata() -> ConditionKeys {
    ConditionKeys::from_claims(Some(SUB), AUDIENCE, SUB)
}

fn allow(condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Federated":"accounts.google.com"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{condition}}}]}}"#
    )
}

fn with_principal(principal: &str) -> String {
    format!(
        r#"{{"Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRoleWithWebIdentity"}}}}"#
    )
}

fn with_action(action: &str) -> String {
    format!(
        r#"{{"Statement":{{"Effect":"Allow","Principal":{{"Federated":"accounts.google.com"}},{action}}}}}"#
    )
}

/// An Allow of everything about Google, and a Deny with this condition.
fn deny(condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Principal":{{"Federated":"accounts.google.com"}},"Action":"sts:AssumeRoleWithWebIdentity"}},
        {{"Sid":"no","Effect":"Deny","Principal":"*","Action":"sts:*","Condition":{condition}}}]}}"#
    )
}

#[test]
fn the_policy_that_is_recommended_admits_its_token_from_every_source_and_no_other() {
    let policy = TrustPolicy::admitting(&by_key());
    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": "accounts.google.com"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": {
                "accounts.google.com:sub": SUB, "accounts.google.com:oaud": AUDIENCE,
            }},
        }],
    });
    assert_eq!(
        serde_json::from_str::<Value>(&policy.to_string()).unwrap(),
        expected
    );
    let parsed: TrustPolicy = policy.to_json_pretty().parse().unwrap();
    for policy in [policy, parsed] {
        for keys in [by_key(), by_metadata()] {
            assert_eq!(policy.judge(&keys), Verdict::Admitted);
        }
        for keys in [
            ConditionKeys::from_claims(Some(EMAIL), AUDIENCE, "2"),
            ConditionKeys::from_claims(Some(EMAIL), "https://other", SUB),
            ConditionKeys::default(),
        ] {
            assert!(!policy.judge(&keys).is_admitted());
        }
    }
}

#[test]
fn a_refusal_names_statement_operator_key_and_both_values_and_the_classic_traps() {
    let judge = |policy: String, keys: &ConditionKeys| {
        policy
            .parse::<TrustPolicy>()
            .unwrap()
            .judge(keys)
            .to_string()
    };
    let text = judge(
        allow(r#"{"StringEquals":{"accounts.google.com:sub":["1","2"]}}"#),
        &by_key(),
    );
    assert_eq!(
        text,
        "the policy doesn't admit the token: statement 1: StringEquals of accounts.google.com:sub wants \"1\" or \"2\", the token has \"117291390000000000001\""
    );
    let text = judge(
        allow(&format!(
            r#"{{"StringEquals":{{"accounts.google.com:aud":"{AUDIENCE}"}}}}"#
        )),
        &by_key(),
    );
    assert!(
        text.contains("the audience that was asked for is accounts.google.com:oaud"),
        "{text}"
    );
    let text = judge(
        allow(&format!(
            r#"{{"StringEquals":{{"accounts.google.com:aud":"{EMAIL}"}}}}"#
        )),
        &by_metadata(),
    );
    assert!(
        text.contains("the account's e-mail or its numeric id, depending on the token's source"),
        "{text}"
    );
    let text = judge(
        deny(r#"{"StringLike":{"accounts.google.com:sub":"*"}}"#),
        &by_key(),
    );
    assert!(
        text.contains("statement 2 (\"no\"): denies it explicitly"),
        "{text}"
    );
    let text = judge(allow(r#"{"IpAddress":{"aws:SourceIp":"::1"}}"#), &by_key());
    assert!(
        text.contains("statement 1: unknown here: the operator \"IpAddress\""),
        "{text}"
    );
    let text = judge(
        with_principal(r#"{"Federated":"arn:aws:iam::1:oidc-provider/accounts.google.com"}"#),
        &by_key(),
    );
    assert!(
        text.contains("an IAM OIDC provider of your own is another thing"),
        "{text}"
    );
}

#[test]
fn what_is_no_trust_policy_is_refused_by_place_and_rule() {
    let statement = |text: &str| format!(r#"{{"Statement":[{text}]}}"#);
    for (policy, says) in [
        ("".to_owned(), "EOF"),
        (
            "[]".to_owned(),
            "a JSON object with Version and Statement is expected",
        ),
        ("{}".to_owned(), "it has no Statement"),
        (r#"{"Statement":[]}"#.to_owned(), "it has no Statement"),
        (
            r#"{"Version":"2020-01-01","Statement":{}}"#.to_owned(),
            "neither \"2012-10-17\" nor",
        ),
        (
            r#"{"Statment":{}}"#.to_owned(),
            "the policy has no element \"Statment\"; there are Version, Id, Statement",
        ),
        (statement("7"), "statement 1 is not an object"),
        (
            statement(r#"{"Effect":"allow"}"#),
            "statement 1: its Effect is neither",
        ),
        (
            statement(r#"{"Effect":"Allow","Effect":"Deny"}"#),
            "the name \"Effect\" stands twice",
        ),
        (
            statement(r#"{"Effect":"Allow","Resource":"*"}"#),
            "has no element \"Resource\"",
        ),
        (
            statement(r#"{"Effect":"Allow","Action":"*"}"#),
            "statement 1 has no Principal",
        ),
        (
            statement(r#"{"Effect":"Allow","NotPrincipal":{"AWS":"1"},"Action":"*"}"#),
            "has no element \"NotPrincipal\"",
        ),
        (
            statement(r#"{"Sid":"a b","Effect":"Allow","Principal":"*","Action":"*"}"#),
            "statement 1: its Sid is not of letters and digits",
        ),
        (
            statement(
                &[r#"{"Sid":"a","Effect":"Allow","Principal":"*","Action":"*"}"#; 2].join(","),
            ),
            "statement 2 (\"a\"): another one has its Sid",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":"*","Action":["sts:*","s3:*"]}"#),
            "statement 1: Action: \"s3:*\" is none of STS's",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":"*","NotAction":"iam:PassRole"}"#),
            "NotAction: \"iam:PassRole\" is none of STS's",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":"*","Action":[]}"#),
            "Action: at least one value is expected",
        ),
        (
            statement(
                r#"{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"StringNotEquals":{"accounts.google.com:sub":[]}}}"#,
            ),
            "at least one value is expected",
        ),
        (
            statement(
                r#"{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"NumericEquals":{"accounts.google.com:sub":117291390000000000002}}}"#,
            ),
            "a number is too long to be exact; put it in quotes",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":"me","Action":"*"}"#),
            "Principal is neither \"*\" nor an object",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":{"Google":"x"},"Action":"*"}"#),
            "no principal of type \"Google\"",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":"*"}"#),
            "one of Action and NotAction",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":"*","Action":{}}"#),
            "Action: a string or an array of strings",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":"*","Action":"*","Condition":[]}"#),
            "Condition is not an object",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"Null":1}}"#),
            "Condition.\"Null\" is not an object",
        ),
        (
            format!("{}{}", "[".repeat(5000), "]".repeat(5000)),
            "recursion limit",
        ),
        (" ".repeat(70_000), "it has 70000 bytes"),
    ] {
        let error = policy.parse::<TrustPolicy>().unwrap_err().to_string();
        assert!(
            error.starts_with("not a trust policy: ") && error.contains(says),
            "{policy:.80}: {error}"
        );
    }
}

#[test]
fn a_hostile_pattern_takes_no_exponential_time() {
    let pattern = "*a".repeat(10_000);
    assert!(!operators::glob(&pattern, &"a".repeat(9_999)));
    assert!(operators::glob(&pattern, &"a".repeat(10_000)));
    assert!(operators::glob("", "") && operators::glob("**", "") && !operators::glob("?", ""));
    assert!(operators::glob("a*b*c", "aXbXbXc") && !operators::glob("a*b*c", "aXbXbX"));
}

#[test]
fn keys_are_found_whatever_their_case_and_shown_on_one_line() {
    let keys = by_key().with("accounts.google.com:AUD", "other");
    assert_eq!(
        keys.get("Accounts.Google.Com:aud"),
        Some(&["other".to_owned()][..])
    );
    assert_eq!(keys.iter().count(), 3);
    assert_eq!(
        keys.to_string(),
        format!(
            "accounts.google.com:aud = \"other\", accounts.google.com:oaud = \"{AUDIENCE}\", accounts.google.com:sub = \"{SUB}\""
        )
    );
}

#[test]
fn a_policy_for_an_audience_with_a_variable_in_it_admits_that_and_no_other() {
    for (aud, other) in [("a${*}b", "a*b"), ("${accounts.google.com:sub}", "1")] {
        let keys = ConditionKeys::from_claims(None, aud, "1");
        let policy = TrustPolicy::admitting(&keys);
        let again: TrustPolicy = policy.to_string().parse().unwrap();
        for policy in [policy, again] {
            assert!(policy.judge(&keys).is_admitted(), "{policy}");
            let other = ConditionKeys::from_claims(None, other, "1");
            assert!(!policy.judge(&other).is_admitted(), "{policy}");
        }
    }
}

#[test]
fn a_number_is_read_as_it_is_written() {
    for number in ["1.0000000000125597e-30", "0.1000000000125597", "1.5"] {
        let condition = format!(r#"{{"NumericLessThan":{{"accounts.google.com:sub":{number}}}}}"#);
        let policy: TrustPolicy = allow(&condition).parse().unwrap();
        let again: TrustPolicy = policy.to_string().parse().unwrap();
        assert_eq!(again.judge(&by_key()), policy.judge(&by_key()));
        assert_eq!(again.to_string(), policy.to_string());
        assert!(
            policy.to_string().contains(&format!("{number}}}")),
            "{policy}"
        );
    }
}

#[test]
fn a_policy_that_only_denies_others_admits_nobody_and_says_so() {
    let policy = r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"sts:*",
        "Condition":{"StringEquals":{"accounts.google.com:sub":"1"}}}}"#;
    let policy: TrustPolicy = policy.parse().unwrap();
    let Verdict::Refused(reasons) = policy.judge(&by_key()) else {
        panic!("nothing allows it");
    };
    let reasons: Vec<_> = reasons
        .iter()
        .map(|reason| (reason.statement(), reason.to_string()))
        .collect();
    assert_eq!(
        reasons,
        [(
            "the policy",
            "the policy: no statement allows anything".to_owned()
        )]
    );
}

#[test]
fn keys_without_an_identity_or_an_audience_give_a_policy_that_admits_nobody() {
    for keys in [
        ConditionKeys::default(),
        ConditionKeys::default().with("accounts.google.com:oaud", AUDIENCE),
        ConditionKeys::default().with("accounts.google.com:sub", SUB),
    ] {
        let policy = TrustPolicy::admitting(&keys);
        let written: TrustPolicy = policy.to_string().parse().unwrap();
        for policy in [policy, written] {
            for token in [&keys, &by_key(), &by_metadata()] {
                assert!(!policy.judge(token).is_admitted(), "{policy}");
            }
        }
    }
}
