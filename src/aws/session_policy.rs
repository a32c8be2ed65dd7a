//! Session policies, which bound a session in addition to the role
//! ([session policies](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session)).

use crate::build_error::BuildError;
use crate::redact::{json_place, shown};

/// Checks the policy and removes its white space: STS counts every character, and some servers do
/// not decode the form's `+` as a space.
pub(crate) fn compact(policy: &str) -> Result<String, BuildError> {
    const MAX: usize = 2048;
    let wrong = |message: String| BuildError::new("policy", message);
    let object: Result<serde_json::Map<String, serde_json::Value>, _> =
        serde_json::from_str(policy);
    object.map_err(|error| {
        let place = json_place(&error);
        wrong(match error.is_eof() {
            true if policy.trim().is_empty() => "is empty; a JSON object is expected".to_owned(),
            true => format!("is truncated: its JSON ends early, at {place}"),
            false => format!("is not a JSON object ({place})"),
        })
    })?;
    let (mut in_string, mut escaped) = (false, false);
    let compact: String = policy
        .chars()
        .filter(|&c| {
            let keep = in_string || !c.is_ascii_whitespace();
            (in_string, escaped) = match (in_string, escaped, c) {
                (true, true, _) => (true, false),
                (true, false, '\\') => (true, true),
                (inside, _, '"') => (!inside, false),
                (inside, _, _) => (inside, false),
            };
            keep
        })
        .collect();
    match compact.chars().count() {
        count if count <= MAX => Ok(compact),
        count => Err(wrong(format!(
            "has {count} characters without white space; a session policy has at most {MAX}"
        ))),
    }
}

/// Checks that there are at most ten, and that each is an ARN.
pub(crate) fn check_arns(arns: &[String]) -> Result<(), BuildError> {
    const MAX: usize = 10;
    if arns.len() > MAX {
        return Err(BuildError::new(
            "policy_arns",
            format!("has {} policies; a session takes at most {MAX}", arns.len()),
        ));
    }
    match arns
        .iter()
        .find(|arn| !(arn.starts_with("arn:") && (20..=2048).contains(&arn.len())))
    {
        Some(arn) => Err(BuildError::new(
            "policy_arns",
            format!(
                "{} is not the ARN of a policy; arn:aws:iam::…:policy/… is expected",
                shown(arn)
            ),
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
