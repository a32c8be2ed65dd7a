//! The table of verdicts in `verdicts.txt`.

use super::*;

#[test]
fn verdicts_follow_the_documentation() {
    let (mut page, mut rows, mut wrong) = ("", 0, Vec::new());
    for line in include_str!("verdicts.txt").lines() {
        if let Some(link) = line.strip_prefix("@ ") {
            page = link;
        } else if !line.is_empty() && !line.starts_with('#') {
            rows += 1;
            wrong.extend(mistake(line, page));
        }
    }
    assert_eq!(rows, 112, "every row is read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with the verdict on this row, if anything.
fn mistake(row: &str, page: &str) -> Option<String> {
    let (row, shows) = row.split_once("  # ").unwrap();
    let fields: Vec<_> = row.split_whitespace().collect();
    let [expected, form, keys, json] = fields[..] else {
        panic!("{row}");
    };
    let policy: TrustPolicy = policy(form, &filled(json))
        .parse()
        .unwrap_or_else(|error| panic!("{shows}: {error}"));
    let verdict = policy.judge(&keys_of(keys));
    let got = match verdict.reasons() {
        [] => "Admitted",
        reasons if reasons.iter().any(Reason::is_unknown) => "Unknown",
        _ => "Refused",
    };
    (got != expected)
        .then(|| format!("{shows}: {expected} expected by {page}, got {got}: {verdict}"))
}

fn filled(json: &str) -> String {
    json.replace("<sub>", SUB)
        .replace("<aud>", AUDIENCE)
        .replace("<email>", EMAIL)
        .replace("<iss>", CLUSTER)
        .replace("G:", "accounts.google.com:")
}

/// The principals that stand for Google and for the cluster.
const ALL_PROVIDERS: &str = r#"{"Federated":["accounts.google.com","arn:aws:iam::123456789012:oidc-provider/container.googleapis.com/v1/projects/p/locations/l/clusters/c"]}"#;

fn policy(form: &str, json: &str) -> String {
    let everyone = r#""Principal":"*""#;
    let google = r#"{"Federated":"accounts.google.com"}"#;
    match form {
        "allow" => allow(json),
        "allow-2008" => allow(json).replace("2012-10-17", "2008-10-17"),
        "principal" => with_principal(json),
        "action" => with_action(json),
        "deny" => deny(json),
        "deny-principal" => deny("{}")
            .replace(everyone, &format!(r#""Principal":{json}"#))
            .replace(google, ALL_PROVIDERS),
        "only-deny" => deny(json).replace(r#""Allow""#, r#""Deny""#),
        "trust" => allow(json).replace(google, ALL_PROVIDERS),
        _ => panic!("{form}"),
    }
}

fn keys_of(name: &str) -> ConditionKeys {
    match name {
        // A token of a key or of signJwt: `azp` is the e-mail.
        "key" => by_key(),
        // A token of the metadata server: `azp` is the numeric id.
        "metadata" => by_metadata(),
        "no_azp" => ConditionKeys::from_claims(None, AUDIENCE, SUB),
        "odd" => ConditionKeys::from_claims(None, "a${*}b*c?", SUB),
        "organization" => {
            by_metadata().with("accounts.google.com:google/organization_number", "123456")
        }
        "with_email" => by_metadata().with("accounts.google.com:email", EMAIL),
        "with_amr" => by_metadata().with_values("accounts.google.com:amr", ["a", "b"]),
        "gke" => ConditionKeys::of_issuer(&format!("https://{CLUSTER}"), None, AUDIENCE, SUB),
        _ => panic!("{name}"),
    }
}
