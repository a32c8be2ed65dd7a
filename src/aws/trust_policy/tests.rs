//! What the judge says, and what is not a policy.

mod verdicts;

use super::*;
use crate::token::Claims;

const SUB: &str = "117291390000000000001";
const EMAIL: &str = "robot@demo-project.iam.gserviceaccount.com";
const AUDIENCE: &str = "https://myservice.example.com";
/// The issuer of a GKE cluster's tokens, without `https://`.
const CLUSTER: &str = "container.googleapis.com/v1/projects/p/locations/l/clusters/c";

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

/// An Allow for every Google identity, and a Deny with this condition.
fn deny(condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[
        {{"Effect":"Allow","Principal":{{"Federated":"accounts.google.com"}},"Action":"sts:AssumeRoleWithWebIdentity"}},
        {{"Sid":"no","Effect":"Deny","Principal":"*","Action":"sts:*","Condition":{condition}}}]}}"#
    )
}

#[test]
fn the_recommended_policy_admits_its_token_from_every_source_and_no_other() {
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
fn a_reason_names_statement_key_both_values_and_the_classic_mistakes() {
    let equals = |key: &str, value: &str| {
        allow(&format!(
            r#"{{"StringEquals":{{"accounts.google.com:{key}":{value}}}}}"#
        ))
    };
    let quoted = |text: &str| format!("{text:?}");
    let aud = Some("accounts.google.com:aud");
    for (policy, keys, key, says) in [
        (
            equals("sub", r#"["1","2"]"#),
            by_key(),
            Some("accounts.google.com:sub"),
            "statement 1: StringEquals of accounts.google.com:sub wants \"1\" or \"2\", the token has \"117291390000000000001\"",
        ),
        (
            equals("aud", &quoted(AUDIENCE)),
            by_key(),
            aud,
            " (:aud is the token's azp; the audience that was asked for is accounts.google.com:oaud)",
        ),
        (
            equals("aud", &quoted(EMAIL)),
            by_metadata(),
            aud,
            " (azp is the account's e-mail or its numeric id, depending on the token's source; pin",
        ),
        (
            deny(r#"{"StringLike":{"accounts.google.com:sub":"*"}}"#),
            by_key(),
            None,
            "statement 2 (\"no\"): denies it explicitly",
        ),
        (
            allow(r#"{"IpAddress":{"aws:SourceIp":"::1"}}"#),
            by_key(),
            Some("aws:SourceIp"),
            "statement 1: unknown: the operator \"IpAddress\"",
        ),
        (
            deny(r#"{"Bool":{"aws:SecureTransport":"false"}}"#),
            by_key(),
            None,
            "statement 2 (\"no\"): unknown: may deny it: the value of the key \"aws:SecureTransport\"",
        ),
        (
            with_principal(r#"{"Federated":"arn:aws:iam::1:oidc-provider/accounts.google.com"}"#),
            by_key(),
            None,
            "unknown: whether the IAM OIDC provider \"arn:aws:iam::1:oidc-provider/accounts.google.com\"",
        ),
    ] {
        let verdict = policy.parse::<TrustPolicy>().unwrap().judge(&keys);
        let [reason] = verdict.reasons() else {
            panic!("{verdict}");
        };
        assert_eq!(reason.key(), key, "{verdict}");
        let said = format!("the policy doesn't admit the token: {reason}");
        assert_eq!(verdict.to_string(), said);
        assert!(said.contains(says), "{says:?} is not in {said}");
        assert!(said.contains(reason.statement()) && said.contains(reason.message()));
        assert!(
            said.ends_with(
                &reason
                    .hint()
                    .map_or_else(String::new, |it| format!("({it})"))
            )
        );
    }
}

#[test]
fn what_is_not_a_trust_policy_is_refused_by_place_and_rule() {
    let statement = |text: &str| format!(r#"{{"Statement":[{text}]}}"#);
    for (policy, says) in [
        ("".to_owned(), "it is empty; a JSON object with Version"),
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
            "the policy: there is no element \"Statment\"; Version, Id, Statement are expected",
        ),
        (statement("7"), "statement 1 is not an object"),
        (
            statement(r#"{"Effect":"allow"}"#),
            "statement 1: its Effect is neither",
        ),
        (
            statement(r#"{"Effect":"Allow","Effect":"Deny"}"#),
            "the name \"Effect\" occurs twice",
        ),
        (
            statement(r#"{"Effect":"Allow","Resource":"*"}"#),
            "there is no element \"Resource\"",
        ),
        (
            statement(r#"{"Effect":"Allow","Action":"*"}"#),
            "statement 1 has no Principal",
        ),
        (
            statement(r#"{"Effect":"Allow","NotPrincipal":{"AWS":"1"},"Action":"*"}"#),
            "there is no element \"NotPrincipal\"",
        ),
        (
            statement(r#"{"Sid":"a b","Effect":"Allow","Principal":"*","Action":"*"}"#),
            "statement 1: its Sid may have letters and digits only",
        ),
        (
            statement(
                &[r#"{"Sid":"a","Effect":"Allow","Principal":"*","Action":"*"}"#; 2].join(","),
            ),
            "statement 2 (\"a\"): its Sid is used twice",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":"*","Action":["sts:*","s3:*"]}"#),
            "statement 1: Action: \"s3:*\" is not an action of STS",
        ),
        (
            statement(r#"{"Effect":"Allow","Principal":"*","NotAction":"iam:PassRole"}"#),
            "NotAction: \"iam:PassRole\" is not an action of STS",
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
            "an unquoted number must be an integer of 64 bits; put it in quotes",
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
        (" \n".to_owned(), "it is empty"),
        (
            "{\"Statement\": [".to_owned(),
            "it is truncated: its JSON ends early, at line 1, column 15",
        ),
    ] {
        let error = policy.parse::<TrustPolicy>().unwrap_err().to_string();
        assert!(
            error.starts_with("not a trust policy: ") && error.contains(says),
            "{policy:.80}: {error}"
        );
    }
}

#[test]
fn a_hostile_pattern_takes_polynomial_time() {
    let pattern = "*a".repeat(10_000);
    assert!(!operators::glob(&pattern, &"a".repeat(9_999)));
    assert!(operators::glob(&pattern, &"a".repeat(10_000)));
    assert!(operators::glob("", "") && operators::glob("**", "") && !operators::glob("?", ""));
    assert!(operators::glob("a*b*c", "aXbXbXc") && !operators::glob("a*b*c", "aXbXbX"));
}

#[test]
fn keys_are_found_in_any_case_and_shown_on_one_line() {
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
fn a_variable_in_the_audience_is_literal_in_the_policy_for_it() {
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
fn unquoted_numbers_are_exact_integers_or_refused() {
    let condition = |number| {
        allow(&format!(
            r#"{{"NumericLessThan":{{"accounts.google.com:google/organization_number":{number}}}}}"#
        ))
    };
    for number in ["18446744073709551615", "-9223372036854775808", "0"] {
        let policy: TrustPolicy = condition(number).parse().unwrap();
        assert!(
            policy.to_string().contains(&format!("{number}}}")),
            "{policy}"
        );
    }
    for number in [
        "18446744073709551616",
        "1.0000000000125597e-30",
        "1.5",
        "1e3",
        "-0.0",
    ] {
        let error = condition(number).parse::<TrustPolicy>().unwrap_err();
        let says = "an unquoted number must be an integer of 64 bits; put it in quotes";
        assert!(error.to_string().contains(says), "{number}: {error}");
    }
}

#[test]
fn the_claims_give_the_keys_with_the_issuer_as_prefix() {
    let keys = |iss: &str, claims: Value| {
        let mut all = json!({"iss": iss, "sub": "1", "aud": "a", "exp": 2, "iat": 1});
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        let claims: Claims = serde_json::from_value(all).unwrap();
        claims.aws_condition_keys()
    };
    let google = "accounts.google.com:aud = \"a\", accounts.google.com:oaud = \"a\", accounts.google.com:sub = \"1\"";
    let cluster = format!("https://{CLUSTER}");
    for (iss, claims, shown) in [
        ("https://accounts.google.com", json!({}), google.to_owned()),
        ("accounts.google.com", json!({"amr": null}), google.to_owned()),
        (
            "https://accounts.google.com",
            json!({"google": {"organization_number": 7}, "hd": "example.com"}),
            google.to_owned(),
        ),
        (
            "https://accounts.google.com",
            json!({"azp": "2", "email": "a@b.c", "amr": ["x", 7]}),
            "accounts.google.com:aud = \"2\", accounts.google.com:oaud = \"a\", accounts.google.com:sub = \"1\", \
             accounts.google.com:email = \"a@b.c\", accounts.google.com:amr = \"x\" or \"7\""
                .to_owned(),
        ),
        (
            &cluster,
            json!({"amr": "x"}),
            format!("{CLUSTER}:aud = \"a\", {CLUSTER}:sub = \"1\", {CLUSTER}:amr = \"x\""),
        ),
        (
            "https://a b\n",
            json!({}),
            "\"a b\\n:aud\" = \"a\", \"a b\\n:sub\" = \"1\"".to_owned(),
        ),
    ] {
        let keys = keys(iss, claims);
        assert_eq!(keys.to_string(), shown);
        assert_eq!(format!("{keys:#}"), shown.replace(", ", "\n"));
        assert_eq!(keys.issuer(), iss.strip_prefix("https://").unwrap_or(iss));
        let policy = TrustPolicy::admitting(&keys);
        assert!(policy.judge(&keys).is_admitted(), "{policy}");
        let other = ConditionKeys::of_issuer(iss, None, "a", "2");
        assert!(!policy.judge(&other).is_admitted(), "{policy}");
    }
    let long = keys(&"x".repeat(5000), json!({})).to_string();
    assert!(long.len() < 400, "{long}");
}

#[test]
fn a_policy_for_another_issuer_leaves_the_account_to_be_filled_in() {
    let keys = ConditionKeys::of_issuer(CLUSTER, None, AUDIENCE, SUB);
    let policy: Value = serde_json::from_str(&TrustPolicy::admitting(&keys).to_string()).unwrap();
    let statement = &policy["Statement"][0];
    let arn = format!("arn:aws:iam::ACCOUNT:oidc-provider/{CLUSTER}");
    assert_eq!(statement["Principal"], json!({ "Federated": arn }));
    let pinned = json!({ (format!("{CLUSTER}:sub")): SUB, (format!("{CLUSTER}:aud")): AUDIENCE });
    assert_eq!(statement["Condition"], json!({ "StringEquals": pinned }));
}

#[test]
fn a_policy_that_only_denies_admits_nobody() {
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
fn keys_without_identity_or_audience_give_a_policy_that_admits_nobody() {
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
