//! Whether a policy admits a token
//! ([evaluation](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)): an
//! explicit Deny wins; else some Allow must match whole.

use crate::aws::trust_policy::document::{Condition, Document, Principal, Statement};
use crate::aws::trust_policy::keys::quoted;
use crate::aws::trust_policy::operators::{Test, glob};
use crate::aws::trust_policy::{ACTION, ConditionKeys, GOOGLE};
use crate::redact::shown;
use std::fmt;

/// What a trust policy makes of a token. `Display` explains it to whoever mends the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The role may be assumed.
    Admitted,
    /// It may not, for these reasons: one or more for each statement.
    Refused(Vec<Reason>),
}

/// Why a statement doesn't admit a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    statement: String,
    message: String,
    unknown: bool,
}

impl Verdict {
    /// Whether the role may be assumed.
    pub fn is_admitted(&self) -> bool {
        matches!(self, Verdict::Admitted)
    }
}

impl Reason {
    /// The statement's number and `Sid`.
    pub fn statement(&self) -> &str {
        &self.statement
    }

    /// Whether the judge doesn't know what AWS would make of it, and so took it for a refusal.
    pub fn is_unknown(&self) -> bool {
        self.unknown
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = if self.unknown { "unknown here: " } else { "" };
        write!(f, "{}: {unknown}{}", self.statement, self.message)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Admitted => f.write_str("the policy admits the token"),
            Verdict::Refused(reasons) => {
                f.write_str("the policy doesn't admit the token: ")?;
                for (index, reason) in reasons.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{reason}")?;
                }
                Ok(())
            }
        }
    }
}

/// What one element of a statement says.
enum Finding {
    Matches,
    Fails(String),
    Unknown(String),
}

/// Keys that a Google token may lack, and then lacks as AWS understands it.
const KNOWN: [&str; 5] = ["aud", "oaud", "sub", "email", "google/organization_number"];

pub(super) fn judge(document: &Document, keys: &ConditionKeys) -> Verdict {
    let mut reasons = Vec::new();
    let (mut allowed, mut denied) = (false, false);
    for statement in &document.statements {
        let findings = findings(statement, document.has_variables, keys);
        let reason = |message: &str, unknown| Reason {
            statement: statement.name.clone(),
            message: message.to_owned(),
            unknown,
        };
        let fails = findings
            .iter()
            .any(|finding| matches!(finding, Finding::Fails(_)));
        let unknown = findings
            .iter()
            .any(|finding| matches!(finding, Finding::Unknown(_)));
        match (statement.allows, fails, unknown) {
            (true, false, false) => allowed = true,
            (true, _, _) => reasons.extend(findings.iter().filter_map(|finding| match finding {
                Finding::Matches => None,
                Finding::Fails(message) => Some(reason(message, false)),
                Finding::Unknown(message) => Some(reason(message, true)),
            })),
            (false, true, _) => {}
            (false, false, unknown) => {
                denied = true;
                let message = findings.iter().find_map(|finding| match finding {
                    Finding::Unknown(message) => {
                        Some(format!("denies, as far as can be told: {message}"))
                    }
                    _ => None,
                });
                reasons.push(reason(
                    message.as_deref().unwrap_or("denies it explicitly"),
                    unknown,
                ));
            }
        }
    }
    if allowed && !denied {
        return Verdict::Admitted;
    }
    if reasons.is_empty() {
        let message = "no statement allows anything".to_owned();
        reasons.push(Reason {
            statement: "the policy".to_owned(),
            message,
            unknown: false,
        });
    }
    Verdict::Refused(reasons)
}

fn findings(statement: &Statement, has_variables: bool, keys: &ConditionKeys) -> Vec<Finding> {
    let mut findings = vec![principal(statement), action(statement)];
    findings.extend(
        statement
            .conditions
            .iter()
            .map(|it| condition(it, has_variables, keys)),
    );
    findings
}

fn principal(statement: &Statement) -> Finding {
    let Principal {
        everyone,
        federated,
    } = &statement.principal;
    let named = |name: &str| federated.iter().any(|federated| federated == name);
    let provider_arn = federated
        .iter()
        .find(|name| name.contains(":oidc-provider/"));
    if named(GOOGLE) {
        return Finding::Matches;
    }
    match (*everyone || named("*"), provider_arn) {
        (true, _) if !statement.allows => Finding::Matches,
        (true, _) => Finding::Unknown(format!(
            "whether the Principal \"*\" stands for web identities; name {{\"Federated\": {GOOGLE:?}}}"
        )),
        (false, Some(arn)) if !statement.allows && arn.ends_with(GOOGLE) => {
            Finding::Unknown(format!("whether {} stands for Google", shown(arn)))
        }
        (false, Some(_)) => Finding::Fails(format!(
            "its Principal is {}, a Google token's is {{\"Federated\": {GOOGLE:?}}}; an IAM OIDC provider of your own \
             is another thing than the built-in one",
            quoted(federated)
        )),
        (false, None) if federated.is_empty() => Finding::Fails(format!(
            "its Principal is not {{\"Federated\": {GOOGLE:?}}}"
        )),
        (false, None) => Finding::Fails(format!(
            "its Principal is {}, a Google token's is {{\"Federated\": {GOOGLE:?}}}",
            quoted(federated)
        )),
    }
}

fn action(statement: &Statement) -> Finding {
    let Some(actions) = &statement.actions else {
        return Finding::Unknown("NotAction".to_owned());
    };
    let wanted = ACTION.to_ascii_lowercase();
    if actions
        .iter()
        .any(|action| glob(&action.to_ascii_lowercase(), &wanted))
    {
        Finding::Matches
    } else {
        Finding::Fails(format!("its Action is {}, not {ACTION:?}", quoted(actions)))
    }
}

fn condition(condition: &Condition, has_variables: bool, keys: &ConditionKeys) -> Finding {
    let Condition {
        operator_name,
        operator,
        key,
        values,
    } = condition;
    let Some(operator) = operator else {
        return Finding::Unknown(format!("the operator {}", shown(operator_name)));
    };
    let is_pattern = matches!(operator.test, Test::Like { .. });
    let mut plain = values.clone();
    if has_variables {
        for value in &mut plain {
            match resolved(value, is_pattern) {
                Some(it) => *value = it,
                None => return Finding::Unknown(format!("the variable in {}", shown(value))),
            }
        }
    }
    let found = keys.get(key);
    if found.is_none() && !is_known(key) {
        return Finding::Unknown(format!(
            "the key {}, which no Google token gives",
            shown(key)
        ));
    }
    match operator.holds(&plain, found) {
        Some(true) => Finding::Matches,
        Some(false) => {
            let has = match found {
                Some(found) => format!("the token has {}", quoted(found)),
                None => "the token has none".to_owned(),
            };
            let wants = quoted(values);
            let hint = if operator.test == Test::Null {
                None
            } else {
                trap(key, values, keys)
            };
            Finding::Fails(format!(
                "{operator_name} of {key} wants {wants}, {has}{}",
                hint.unwrap_or_default()
            ))
        }
        None => Finding::Unknown(format!("{operator_name} of {key} with {}", quoted(values))),
    }
}

/// The value with the variables that stand for a character; None where there are others, or a character means something
/// else in a pattern.
fn resolved(value: &str, is_pattern: bool) -> Option<String> {
    let mut plain = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${") {
        let (variable, after) = after.split_once('}')?;
        plain += before;
        plain += match variable {
            "$" => "$",
            "*" | "?" if !is_pattern => variable,
            _ => return None,
        };
        rest = after;
    }
    Some(plain + rest)
}

fn is_known(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.strip_prefix(GOOGLE)
        .and_then(|key| key.strip_prefix(':'))
        .is_some_and(|name| KNOWN.contains(&name))
}

/// The classic mistake: `:aud` is the token's `azp`, whose form depends on the token's source.
fn trap(key: &str, wanted: &[String], keys: &ConditionKeys) -> Option<String> {
    if !key.eq_ignore_ascii_case("accounts.google.com:aud") {
        return None;
    }
    let oaud = keys.get("accounts.google.com:oaud")?.first()?;
    if wanted.contains(oaud) {
        return Some(
            " (:aud is the token's azp; the audience that was asked for is accounts.google.com:oaud)".to_owned(),
        );
    }
    let found = keys.get(key)?.first()?;
    let numeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let other_form = wanted
        .iter()
        .any(|wanted| wanted.contains('@') == numeric(found));
    other_form.then(|| {
        " (azp is the account's e-mail or its numeric id, depending on the token's source; pin \
         accounts.google.com:sub and :oaud instead)"
            .to_owned()
    })
}
