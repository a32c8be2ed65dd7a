//! Whether a policy admits others than the identity that it is meant for.

use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use serde_json::Value;

const GOOGLE: &str = "accounts.google.com";

/// What is too wide about the policy, for the identity with these keys.
///
/// It judges strangers: if a policy admits an identity that nobody has named, it admits every one.
pub(crate) fn too_wide(policy: &TrustPolicy, keys: &ConditionKeys) -> Vec<String> {
    let mut found = Vec::new();
    let audiences = audiences(policy, keys);
    let admits = |keys: &ConditionKeys| policy.judge(keys).is_admitted();
    if strangers(keys, &audiences).iter().any(admits) {
        let (who, key) = match keys.issuer() {
            GOOGLE => ("every Google account", "accounts.google.com:oaud"),
            issuer => ("every identity of the issuer", &*format!("{issuer}:aud")),
        };
        found.push(format!(
            "the policy admits {who}: whoever asks for a token chooses its audience. Pin {}:sub as well \
             as {key}",
            keys.issuer()
        ));
    } else if admits(&with_audience(keys, "https://a-stranger.invalid")) {
        found.push(format!(
            "the policy admits a token of this identity for any audience, so one that was made for \
             another service opens the role. Pin {} as well",
            audience_key(keys)
        ));
    }
    found
}

fn audience_key(keys: &ConditionKeys) -> String {
    let name = if keys.issuer() == GOOGLE {
        "oaud"
    } else {
        "aud"
    };
    format!("{}:{name}", keys.issuer())
}

/// The same identity with a token for another audience.
fn with_audience(keys: &ConditionKeys, audience: &str) -> ConditionKeys {
    keys.clone().with(audience_key(keys), audience)
}

/// The audiences that a stranger would ask for: that of the keys, and every text in the policy.
fn audiences(policy: &TrustPolicy, keys: &ConditionKeys) -> Vec<String> {
    fn texts(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
            Value::Object(values) => values.values().for_each(|value| texts(value, found)),
            _ => {}
        }
    }
    let own = keys.get(&audience_key(keys)).and_then(<[_]>::first);
    let mut found: Vec<_> = own.cloned().into_iter().collect();
    let json: Value = serde_json::from_str(&policy.to_string()).unwrap_or_default();
    for statement in conditions(&json) {
        texts(statement, &mut found);
    }
    found.dedup();
    found
}

fn conditions(policy: &Value) -> Vec<&Value> {
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    };
    let conditions = statements.into_iter();
    conditions.filter_map(|it| it.get("Condition")).collect()
}

/// Identities that no policy names, in each form that a token of theirs can have.
fn strangers(keys: &ConditionKeys, audiences: &[String]) -> Vec<ConditionKeys> {
    const EMAIL: &str = "stranger@stranger-project.iam.gserviceaccount.com";
    const ID: &str = "109999999999999999997";
    const CLIENT: &str = ".apps.googleusercontent.com";
    let issuer = keys.issuer();
    let is_google = issuer == GOOGLE;
    let value = |name: &str| {
        let values = keys.get(&format!("{issuer}:{name}"));
        values.and_then(<[_]>::first).map(String::as_str)
    };
    // A pattern such as 1172* admits an id that differs from this one at its end only.
    let near = value("sub").map(|sub| {
        let mut near: String = sub.to_owned();
        near.pop();
        near + "x"
    });
    let far = if is_google {
        ID
    } else {
        "system:serviceaccount:strange:stranger"
    };
    let subs = [Some(far.to_owned()), near];
    // The client that a person signed in to is `azp` of every person's tokens.
    let texts = value("aud")
        .into_iter()
        .chain(audiences.iter().map(String::as_str));
    let clients: Vec<_> = texts.filter(|text| text.ends_with(CLIENT)).collect();
    let mut strangers = Vec::new();
    for sub in subs.iter().flatten().map(String::as_str) {
        for audience in audiences {
            for azp in [sub, EMAIL].iter().chain(&clients) {
                let azp = is_google.then_some(*azp);
                let stranger = ConditionKeys::of_issuer(issuer, azp, audience, sub);
                let with_email = stranger.clone().with(format!("{issuer}:email"), EMAIL);
                strangers.extend([stranger, with_email]);
            }
        }
    }
    strangers
}

#[cfg(test)]
mod tests;
