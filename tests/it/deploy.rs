//! The trust policies that we publish, in Terraform and on the pages for people: each admits the
//! identity and the audience that it names, from every source of a token, and no other.

use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy, Verdict};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

const ACTION: &str = "sts:AssumeRoleWithWebIdentity";
const GOOGLE: &str = "accounts.google.com";
const SUB: &str = "117291390000000000001";
const AUDIENCE: &str = "https://aws-from-google.example.com";
const EMAIL: &str = "robot@my-project.iam.gserviceaccount.com";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The README files and the guide, below the root.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec!["README.md".into(), "deploy/README.md".into()];
    for entry in fs::read_dir(root().join("docs/guide")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
    pages
}

/// Every JSON object in the text that is a trust policy. A heredoc's `$SUB` stays as it is.
fn policies(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut end = 0;
    for (start, _) in text.match_indices('{') {
        if start < end {
            continue;
        }
        let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
        if let Some(Ok(value)) = values.next()
            && value.get("Statement").is_some()
            && value.to_string().contains(ACTION)
        {
            end = start + values.byte_offset();
            found.push(value);
        }
    }
    found
}

/// The keys of a token from each source, with the `azp` and the e-mail that the source gives.
fn tokens(issuer: &str, audience: &str, sub: &str) -> Vec<(&'static str, ConditionKeys)> {
    if issuer != GOOGLE {
        let keys = ConditionKeys::of_issuer(issuer, None, audience, sub);
        return vec![("a projected token", keys)];
    }
    let email = |keys: ConditionKeys| keys.with("accounts.google.com:email", EMAIL);
    let google = |azp| ConditionKeys::from_claims(Some(azp), audience, sub);
    vec![
        ("Compute Engine", google(sub)),
        ("GKE, or format=full", email(google(sub))),
        ("a key, or signJwt", email(google(EMAIL))),
        ("generateIdToken", google(sub)),
        ("generateIdToken with useEmailAzp", google(EMAIL)),
        ("no azp", ConditionKeys::from_claims(None, audience, sub)),
    ]
}

/// Whether the policy admits this identity with this audience, whatever the token's source.
fn admits(policy: &TrustPolicy, issuer: &str, audience: &str, sub: &str) -> Result<bool, String> {
    let verdicts: Vec<_> = tokens(issuer, audience, sub)
        .into_iter()
        .map(|(source, keys)| (source, policy.judge(&keys)))
        .collect();
    let admitted = |verdict: &(_, Verdict)| verdict.1.is_admitted();
    match verdicts.iter().filter(|verdict| admitted(verdict)).count() {
        0 => Ok(false),
        count if count == verdicts.len() => Ok(true),
        _ => Err(format!("the token's source decides: {verdicts:#?}")),
    }
}

/// What the one statement of the policy pins: the issuer, the audience and `sub`.
fn pinned(policy: &Value) -> Result<(String, String, String), String> {
    let statement = match &policy["Statement"] {
        Value::Array(statements) if statements.len() == 1 => &statements[0],
        one => one,
    };
    let equals = statement["Condition"]["StringEquals"].as_object();
    let equals = equals.ok_or("no StringEquals")?;
    let issuer = equals
        .keys()
        .find_map(|key| key.strip_suffix(":sub"))
        .ok_or("sub is not pinned")?;
    let key = if issuer == GOOGLE { "oaud" } else { "aud" };
    let value = |name: &str| {
        let value = equals.get(&format!("{issuer}:{name}"));
        let value = value.and_then(Value::as_str).map(str::to_owned);
        value.ok_or(format!("{name} is not pinned"))
    };
    Ok((issuer.to_owned(), value(key)?, value("sub")?))
}

/// Fails unless the policy admits what it pins, and nothing else.
fn admits_one(policy: &Value) -> Result<(), String> {
    let (issuer, audience, sub) = pinned(policy)?;
    let parsed: TrustPolicy = policy.to_string().parse().map_err(|e| format!("{e}"))?;
    for (expected, issuer, audience, sub) in [
        (true, &*issuer, &*audience, &*sub),
        (false, &issuer, &audience, "100000000000000000002"),
        (false, &issuer, "https://evil.example.com", &sub),
        // A token for the service account as the audience, as guides with an explicit provider say.
        (false, &issuer, &sub, &sub),
        (false, "login.example.com", &audience, &sub),
    ] {
        if admits(&parsed, issuer, audience, sub)? != expected {
            return Err(format!("{issuer} {audience} {sub}: not {expected}"));
        }
    }
    Ok(())
}

/// The policy that `data "aws_iam_policy_document" "trust"` stands for.
fn terraform(text: &str) -> Value {
    let (_, text) = text
        .split_once("data \"aws_iam_policy_document\" \"trust\" {")
        .expect("the trust policy");
    let (text, _) = text.split_once("\n}\n").expect("its end");
    let attributes = |block: &str| -> Vec<(String, String)> {
        block
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect()
    };
    let get = |attributes: &[(String, String)], name: &str| {
        let found = attributes.iter().find(|(other, _)| other == name);
        let value = &found.unwrap_or_else(|| panic!("no {name}")).1;
        let value = value.trim_start_matches('[').trim_end_matches(']');
        match value.strip_prefix('"').and_then(|v| v.strip_suffix('"')) {
            Some(literal) => literal.to_owned(),
            None if value == "google_service_account.this.unique_id" => SUB.to_owned(),
            None if value == "var.audience" => AUDIENCE.to_owned(),
            None => panic!("{name} is {value}"),
        }
    };
    let blocks: Vec<&str> = text.split("condition {").collect();
    let statement = attributes(blocks[0]);
    assert_eq!(text.matches("statement {").count(), 1);
    let mut condition = Map::new();
    for block in &blocks[1..] {
        let block = attributes(block);
        let test = condition.entry(get(&block, "test")).or_insert(json!({}));
        test[get(&block, "variable")] = get(&block, "values").into();
    }
    json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": { get(&statement, "type"): get(&statement, "identifiers") },
        "Action": get(&statement, "actions"),
        "Condition": condition,
    }]})
}

#[test]
fn the_policy_of_terraform_admits_one_identity() {
    let policy = terraform(&read("deploy/terraform/aws.tf"));
    assert_eq!(
        pinned(&policy),
        Ok((GOOGLE.into(), AUDIENCE.into(), SUB.into()))
    );
    admits_one(&policy).unwrap();
}

#[test]
fn the_policies_on_the_pages_admit_one_identity() {
    let mut google = 0;
    let mut others = 0;
    for page in pages() {
        for policy in policies(&read(page.to_str().unwrap())) {
            admits_one(&policy)
                .unwrap_or_else(|why| panic!("{}: {why}: {policy:#}", page.display()));
            match pinned(&policy).unwrap().0.as_str() {
                GOOGLE => google += 1,
                _ => others += 1,
            }
        }
    }
    assert!(google >= 3, "found {google}");
    assert!(others >= 1, "found {others}");
}

/// The checks above can fail.
#[test]
fn a_broader_or_useless_policy_is_found() {
    let right = terraform(&read("deploy/terraform/aws.tf"));
    let changed = |key: &str, value: Option<&str>| {
        let mut policy = right.clone();
        let equals = &mut policy["Statement"][0]["Condition"]["StringEquals"];
        let equals = equals.as_object_mut().unwrap();
        match value {
            Some(value) => equals.insert(key.into(), value.into()),
            None => equals.remove(key),
        };
        policy
    };
    assert!(admits_one(&changed("accounts.google.com:sub", None)).is_err());
    assert!(admits_one(&changed("accounts.google.com:oaud", None)).is_err());
    // The key `:aud` is the token's azp, which depends on the source.
    assert!(admits_one(&changed("accounts.google.com:aud", Some(EMAIL))).is_err());
    let mut any = right.clone();
    let open = json!({"StringEquals": {"accounts.google.com:oaud": AUDIENCE}});
    let second = any["Statement"][0].clone();
    any["Statement"].as_array_mut().unwrap().push(second);
    any["Statement"][1]["Condition"] = open;
    assert!(admits_one(&any).is_err());
    let mut explicit = right;
    explicit["Statement"][0]["Principal"]["Federated"] =
        "arn:aws:iam::123456789012:oidc-provider/accounts.google.com".into();
    assert!(admits_one(&explicit).is_err());
}
