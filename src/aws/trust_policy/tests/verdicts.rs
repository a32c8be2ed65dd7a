//! Verdicts worked out by hand from AWS's documentation: each row says which page decides it.

use super::*;

const OPERATORS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html";
const IF_EXISTS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IfExists";
const NULL: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Null";
const NUMERIC: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Numeric";
const SEVERAL: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html";
const SETS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html";
const LOGIC: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html";
const WIF_KEYS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif";
const PRINCIPAL: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html";
const ACTIONS: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html";
const VARIABLES: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Admitted,
    Refused,
    /// Refused, and something in it named as unknown.
    Unknown,
}
use Expected::{Admitted, Refused, Unknown};

#[test]
fn verdicts_are_those_of_the_documentation() {
    let organization =
        by_metadata().with("accounts.google.com:google/organization_number", "123456");
    let with_email = by_metadata().with("accounts.google.com:email", EMAIL);
    let (key, metadata) = (by_key(), by_metadata());
    let odd = ConditionKeys::from_claims(None, "a${*}b*c?", SUB);
    let no_azp = ConditionKeys::from_claims(None, AUDIENCE, SUB);
    let rows: &[(&str, String, &ConditionKeys, Expected, &str)] = &[
        // What the keys are.
        (
            ":aud is azp",
            allow(
                r#"{"StringEquals":{"accounts.google.com:aud":"robot@demo-project.iam.gserviceaccount.com"}}"#,
            ),
            &key,
            Admitted,
            WIF_KEYS,
        ),
        (
            ":aud is azp, not aud",
            allow(
                r#"{"StringEquals":{"accounts.google.com:aud":"https://myservice.example.com"}}"#,
            ),
            &key,
            Refused,
            WIF_KEYS,
        ),
        (
            ":aud is aud without azp",
            allow(
                r#"{"StringEquals":{"accounts.google.com:aud":"https://myservice.example.com"}}"#,
            ),
            &no_azp,
            Admitted,
            WIF_KEYS,
        ),
        (
            ":oaud is aud",
            allow(
                r#"{"StringEquals":{"accounts.google.com:oaud":"https://myservice.example.com"}}"#,
            ),
            &key,
            Admitted,
            WIF_KEYS,
        ),
        (
            ":sub is sub",
            allow(r#"{"StringEquals":{"accounts.google.com:sub":"117291390000000000001"}}"#),
            &metadata,
            Admitted,
            WIF_KEYS,
        ),
        (
            "names of keys are not case-sensitive",
            allow(r#"{"StringEquals":{"Accounts.Google.com:SUB":"117291390000000000001"}}"#),
            &metadata,
            Admitted,
            OPERATORS,
        ),
        (
            "a key that no Google token gives",
            allow(r#"{"StringEquals":{"aws:SourceIp":"10.0.0.1"}}"#),
            &key,
            Unknown,
            WIF_KEYS,
        ),
        // Strings.
        (
            "StringEquals is case-sensitive",
            allow(
                r#"{"StringEquals":{"accounts.google.com:oaud":"https://MyService.example.com"}}"#,
            ),
            &key,
            Refused,
            OPERATORS,
        ),
        (
            "StringEquals has no wildcards",
            allow(r#"{"StringEquals":{"accounts.google.com:oaud":"https://*"}}"#),
            &key,
            Refused,
            OPERATORS,
        ),
        (
            "StringEqualsIgnoreCase",
            allow(
                r#"{"StringEqualsIgnoreCase":{"accounts.google.com:oaud":"HTTPS://MyService.example.com"}}"#,
            ),
            &key,
            Admitted,
            OPERATORS,
        ),
        (
            "StringNotEquals of another",
            allow(r#"{"StringNotEquals":{"accounts.google.com:sub":"1"}}"#),
            &key,
            Admitted,
            OPERATORS,
        ),
        (
            "StringNotEquals of the same",
            allow(r#"{"StringNotEquals":{"accounts.google.com:sub":"117291390000000000001"}}"#),
            &key,
            Refused,
            OPERATORS,
        ),
        (
            "StringNotEqualsIgnoreCase",
            allow(
                r#"{"StringNotEqualsIgnoreCase":{"accounts.google.com:oaud":"HTTPS://MYSERVICE.EXAMPLE.COM"}}"#,
            ),
            &key,
            Refused,
            OPERATORS,
        ),
        (
            "StringLike with *",
            allow(
                r#"{"StringLike":{"accounts.google.com:aud":"*@demo-project.iam.gserviceaccount.com"}}"#,
            ),
            &key,
            Admitted,
            OPERATORS,
        ),
        (
            "StringLike with ?",
            allow(r#"{"StringLike":{"accounts.google.com:sub":"11729139000000000000?"}}"#),
            &key,
            Admitted,
            OPERATORS,
        ),
        (
            "StringLike: ? is one character",
            allow(r#"{"StringLike":{"accounts.google.com:sub":"117291390000000000001?"}}"#),
            &key,
            Refused,
            OPERATORS,
        ),
        (
            "StringLike is case-sensitive",
            allow(r#"{"StringLike":{"accounts.google.com:oaud":"HTTPS://*"}}"#),
            &key,
            Refused,
            OPERATORS,
        ),
        (
            "StringNotLike",
            allow(r#"{"StringNotLike":{"accounts.google.com:aud":"*@demo-project.*"}}"#),
            &key,
            Refused,
            OPERATORS,
        ),
        // Keys that the token lacks.
        (
            "a missing key doesn't match",
            allow(
                r#"{"StringEquals":{"accounts.google.com:email":"robot@demo-project.iam.gserviceaccount.com"}}"#,
            ),
            &key,
            Refused,
            OPERATORS,
        ),
        (
            "a key that is there",
            allow(
                r#"{"StringEquals":{"accounts.google.com:email":"robot@demo-project.iam.gserviceaccount.com"}}"#,
            ),
            &with_email,
            Admitted,
            OPERATORS,
        ),
        (
            "a missing key is not equal",
            allow(r#"{"StringNotEquals":{"accounts.google.com:email":"x"}}"#),
            &key,
            Admitted,
            OPERATORS,
        ),
        (
            "a missing key is not like",
            allow(r#"{"StringNotLike":{"accounts.google.com:email":"*"}}"#),
            &key,
            Admitted,
            OPERATORS,
        ),
        (
            "IfExists of a missing key",
            allow(r#"{"StringEqualsIfExists":{"accounts.google.com:email":"x"}}"#),
            &key,
            Admitted,
            IF_EXISTS,
        ),
        (
            "IfExists of a key that is there",
            allow(r#"{"StringEqualsIfExists":{"accounts.google.com:sub":"x"}}"#),
            &key,
            Refused,
            IF_EXISTS,
        ),
        (
            "StringLikeIfExists",
            allow(r#"{"StringLikeIfExists":{"accounts.google.com:email":"x*"}}"#),
            &with_email,
            Refused,
            IF_EXISTS,
        ),
        (
            "NumericLessThanIfExists",
            allow(
                r#"{"NumericLessThanIfExists":{"accounts.google.com:google/organization_number":"5"}}"#,
            ),
            &key,
            Admitted,
            IF_EXISTS,
        ),
        (
            "Null true of a missing key",
            allow(r#"{"Null":{"accounts.google.com:email":"true"}}"#),
            &key,
            Admitted,
            NULL,
        ),
        (
            "Null true of a key that is there",
            allow(r#"{"Null":{"accounts.google.com:sub":"true"}}"#),
            &key,
            Refused,
            NULL,
        ),
        (
            "Null false of a key that is there",
            allow(r#"{"Null":{"accounts.google.com:sub":false}}"#),
            &key,
            Admitted,
            NULL,
        ),
        (
            "Null false of a missing key",
            allow(r#"{"Null":{"accounts.google.com:email":"false"}}"#),
            &key,
            Refused,
            NULL,
        ),
        (
            "Null of nonsense",
            allow(r#"{"Null":{"accounts.google.com:email":"maybe"}}"#),
            &key,
            Unknown,
            NULL,
        ),
        (
            "there is no NullIfExists",
            allow(r#"{"NullIfExists":{"accounts.google.com:email":"true"}}"#),
            &key,
            Unknown,
            IF_EXISTS,
        ),
        // Numbers.
        (
            "NumericEquals",
            allow(
                r#"{"NumericEquals":{"accounts.google.com:google/organization_number":"123456"}}"#,
            ),
            &organization,
            Admitted,
            NUMERIC,
        ),
        (
            "NumericEquals of a JSON number",
            allow(r#"{"NumericEquals":{"accounts.google.com:google/organization_number":123456}}"#),
            &organization,
            Admitted,
            NUMERIC,
        ),
        (
            "NumericEquals of another",
            allow(
                r#"{"NumericEquals":{"accounts.google.com:google/organization_number":"123457"}}"#,
            ),
            &organization,
            Refused,
            NUMERIC,
        ),
        (
            "NumericEquals of a missing key",
            allow(
                r#"{"NumericEquals":{"accounts.google.com:google/organization_number":"123456"}}"#,
            ),
            &key,
            Refused,
            NUMERIC,
        ),
        (
            "NumericNotEquals",
            allow(
                r#"{"NumericNotEquals":{"accounts.google.com:google/organization_number":"123456"}}"#,
            ),
            &organization,
            Refused,
            NUMERIC,
        ),
        (
            "NumericNotEquals of a missing key",
            allow(r#"{"NumericNotEquals":{"accounts.google.com:google/organization_number":"1"}}"#),
            &key,
            Admitted,
            NUMERIC,
        ),
        (
            "NumericLessThan: the request's is less",
            allow(
                r#"{"NumericLessThan":{"accounts.google.com:google/organization_number":"123457"}}"#,
            ),
            &organization,
            Admitted,
            NUMERIC,
        ),
        (
            "NumericLessThan of the same",
            allow(
                r#"{"NumericLessThan":{"accounts.google.com:google/organization_number":"123456"}}"#,
            ),
            &organization,
            Refused,
            NUMERIC,
        ),
        (
            "NumericLessThanEquals of the same",
            allow(
                r#"{"NumericLessThanEquals":{"accounts.google.com:google/organization_number":"123456"}}"#,
            ),
            &organization,
            Admitted,
            NUMERIC,
        ),
        (
            "NumericGreaterThan",
            allow(
                r#"{"NumericGreaterThan":{"accounts.google.com:google/organization_number":"123455"}}"#,
            ),
            &organization,
            Admitted,
            NUMERIC,
        ),
        (
            "NumericGreaterThanEquals",
            allow(
                r#"{"NumericGreaterThanEquals":{"accounts.google.com:google/organization_number":"123457"}}"#,
            ),
            &organization,
            Refused,
            NUMERIC,
        ),
        (
            "numbers of 21 digits are compared exactly",
            allow(r#"{"NumericEquals":{"accounts.google.com:sub":"117291390000000000002"}}"#),
            &key,
            Refused,
            NUMERIC,
        ),
        (
            "a number is wanted and there is text",
            allow(r#"{"NumericEquals":{"accounts.google.com:aud":"1"}}"#),
            &key,
            Unknown,
            NUMERIC,
        ),
        (
            "Bool of a text",
            allow(r#"{"Bool":{"accounts.google.com:sub":"true"}}"#),
            &key,
            Unknown,
            OPERATORS,
        ),
        // Several of something.
        (
            "several values are one or the other",
            allow(r#"{"StringEquals":{"accounts.google.com:sub":["1","117291390000000000001"]}}"#),
            &key,
            Admitted,
            SEVERAL,
        ),
        (
            "of several values none matches",
            allow(r#"{"StringEquals":{"accounts.google.com:sub":["1","2"]}}"#),
            &key,
            Refused,
            SEVERAL,
        ),
        (
            "several values of a negated operator: none of them",
            allow(
                r#"{"StringNotEquals":{"accounts.google.com:sub":["1","117291390000000000001"]}}"#,
            ),
            &key,
            Refused,
            SEVERAL,
        ),
        (
            "several keys are all wanted",
            allow(
                r#"{"StringEquals":{"accounts.google.com:sub":"117291390000000000001","accounts.google.com:oaud":"https://myservice.example.com"}}"#,
            ),
            &key,
            Admitted,
            SEVERAL,
        ),
        (
            "one of several keys fails",
            allow(
                r#"{"StringEquals":{"accounts.google.com:sub":"117291390000000000001","accounts.google.com:oaud":"x"}}"#,
            ),
            &key,
            Refused,
            SEVERAL,
        ),
        (
            "several operators are all wanted",
            allow(
                r#"{"StringEquals":{"accounts.google.com:sub":"117291390000000000001"},"StringLike":{"accounts.google.com:oaud":"http:*"}}"#,
            ),
            &key,
            Refused,
            SEVERAL,
        ),
        (
            "ForAnyValue",
            allow(
                r#"{"ForAnyValue:StringEquals":{"accounts.google.com:sub":"117291390000000000001"}}"#,
            ),
            &key,
            Admitted,
            SETS,
        ),
        (
            "ForAnyValue of a missing key",
            allow(r#"{"ForAnyValue:StringEquals":{"accounts.google.com:email":"x"}}"#),
            &key,
            Refused,
            SETS,
        ),
        (
            "ForAllValues of a missing key",
            allow(r#"{"ForAllValues:StringEquals":{"accounts.google.com:email":"x"}}"#),
            &key,
            Admitted,
            SETS,
        ),
        (
            "ForAllValues of another",
            allow(r#"{"ForAllValues:StringEquals":{"accounts.google.com:sub":"x"}}"#),
            &key,
            Refused,
            SETS,
        ),
        // The older pattern: oaud, aud is the e-mail, and both are there.
        (
            "the older pattern by key",
            allow(
                r#"{"StringEquals":{"accounts.google.com:oaud":"https://myservice.example.com","accounts.google.com:aud":"robot@demo-project.iam.gserviceaccount.com"},"Null":{"accounts.google.com:oaud":"false","accounts.google.com:aud":"false"}}"#,
            ),
            &key,
            Admitted,
            WIF_KEYS,
        ),
        (
            "the older pattern by metadata server",
            allow(
                r#"{"StringEquals":{"accounts.google.com:oaud":"https://myservice.example.com","accounts.google.com:aud":"robot@demo-project.iam.gserviceaccount.com"},"Null":{"accounts.google.com:oaud":"false","accounts.google.com:aud":"false"}}"#,
            ),
            &metadata,
            Refused,
            WIF_KEYS,
        ),
        // Operators and variables that aren't known.
        (
            "IpAddress",
            allow(r#"{"IpAddress":{"accounts.google.com:sub":"1"}}"#),
            &key,
            Unknown,
            OPERATORS,
        ),
        (
            "DateLessThan",
            allow(r#"{"DateLessThan":{"accounts.google.com:sub":"2030-01-01T00:00:00Z"}}"#),
            &key,
            Unknown,
            OPERATORS,
        ),
        (
            "a misspelt operator",
            allow(r#"{"StringEqual":{"accounts.google.com:sub":"117291390000000000001"}}"#),
            &key,
            Unknown,
            OPERATORS,
        ),
        (
            "variables that stand for a character",
            allow(r#"{"StringEquals":{"accounts.google.com:oaud":"a${$}{${*}}b${*}c${?}"}}"#),
            &odd,
            Admitted,
            VARIABLES,
        ),
        (
            "in a pattern too, but for the wildcards",
            allow(r#"{"StringLike":{"accounts.google.com:oaud":"a${$}{?}b*"}}"#),
            &odd,
            Admitted,
            VARIABLES,
        ),
        (
            "a wildcard that is none, in a pattern",
            allow(r#"{"StringLike":{"accounts.google.com:oaud":"*${*}*"}}"#),
            &odd,
            Unknown,
            VARIABLES,
        ),
        (
            "a variable",
            allow(r#"{"StringEquals":{"accounts.google.com:sub":"${accounts.google.com:sub}"}}"#),
            &key,
            Unknown,
            VARIABLES,
        ),
        (
            "no variables before 2012-10-17",
            allow(r#"{"StringEquals":{"accounts.google.com:sub":"${x}"}}"#)
                .replace("2012-10-17", "2008-10-17"),
            &key,
            Refused,
            VARIABLES,
        ),
        // Principals and actions.
        (
            "the built-in provider",
            with_principal(r#"{"Federated":"accounts.google.com"}"#),
            &key,
            Admitted,
            PRINCIPAL,
        ),
        (
            "one of several providers",
            with_principal(r#"{"Federated":["graph.facebook.com","accounts.google.com"]}"#),
            &key,
            Admitted,
            PRINCIPAL,
        ),
        (
            "another provider",
            with_principal(r#"{"Federated":"graph.facebook.com"}"#),
            &key,
            Refused,
            PRINCIPAL,
        ),
        (
            "an OIDC provider of one's own",
            with_principal(
                r#"{"Federated":"arn:aws:iam::123456789012:oidc-provider/accounts.google.com"}"#,
            ),
            &key,
            Refused,
            PRINCIPAL,
        ),
        (
            "an account",
            with_principal(r#"{"AWS":"arn:aws:iam::123456789012:root"}"#),
            &key,
            Refused,
            PRINCIPAL,
        ),
        (
            "everyone",
            with_principal(r#""*""#),
            &key,
            Unknown,
            PRINCIPAL,
        ),
        (
            "every federated principal",
            with_principal(r#"{"Federated":"*"}"#),
            &key,
            Unknown,
            PRINCIPAL,
        ),
        (
            "everyone in AWS, and Google",
            with_principal(r#"{"AWS":"*","Federated":"accounts.google.com"}"#),
            &key,
            Admitted,
            PRINCIPAL,
        ),
        (
            "a Deny for every federated principal",
            deny("{}").replace(r#""Principal":"*""#, r#""Principal":{"Federated":"*"}"#),
            &key,
            Refused,
            PRINCIPAL,
        ),
        (
            "a Deny for everyone in AWS and another provider",
            deny("{}").replace(
                r#""Principal":"*""#,
                r#""Principal":{"Federated":"www.amazon.com","AWS":"*"}"#,
            ),
            &key,
            Refused,
            PRINCIPAL,
        ),
        (
            "a Deny for a provider of one's own for Google",
            deny("{}").replace(
                r#""Principal":"*""#,
                r#""Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/accounts.google.com"}"#,
            ),
            &key,
            Unknown,
            PRINCIPAL,
        ),
        (
            "an action by wildcard",
            with_action(r#""Action":["sts:TagSession","sts:Assume*"]"#),
            &key,
            Admitted,
            ACTIONS,
        ),
        (
            "actions are not case-sensitive",
            with_action(r#""Action":"STS:assumerolewithwebidentity""#),
            &key,
            Admitted,
            ACTIONS,
        ),
        (
            "another action",
            with_action(r#""Action":"sts:AssumeRole""#),
            &key,
            Refused,
            ACTIONS,
        ),
        (
            "NotAction",
            with_action(r#""NotAction":"sts:TagSession""#),
            &key,
            Unknown,
            ACTIONS,
        ),
        // Deny wins.
        (
            "a Deny that matches",
            deny(r#"{"StringLike":{"accounts.google.com:sub":"1172*"}}"#),
            &key,
            Refused,
            LOGIC,
        ),
        (
            "a Deny that doesn't match",
            deny(r#"{"StringEquals":{"accounts.google.com:sub":"x"}}"#),
            &key,
            Admitted,
            LOGIC,
        ),
        (
            "a Deny that can't be told",
            deny(r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}"#),
            &key,
            Unknown,
            LOGIC,
        ),
        (
            "a Deny of which one condition surely fails",
            deny(
                r#"{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"StringEquals":{"accounts.google.com:sub":"x"}}"#,
            ),
            &key,
            Admitted,
            LOGIC,
        ),
        (
            "a Deny alone allows nothing",
            deny("{}").replace("\"Allow\"", "\"Deny\""),
            &key,
            Refused,
            LOGIC,
        ),
    ];
    let mut wrong = Vec::new();
    for (name, policy, keys, expected, link) in rows {
        let policy: TrustPolicy = policy
            .parse()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let verdict = policy.judge(keys);
        let got = match &verdict {
            Verdict::Admitted => Admitted,
            Verdict::Refused(reasons) if reasons.iter().any(Reason::is_unknown) => Unknown,
            Verdict::Refused(_) => Refused,
        };
        if got != *expected {
            wrong.push(format!(
                "{name}: {expected:?} expected by {link}, got {verdict}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
