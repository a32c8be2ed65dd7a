//! Evaluates a policy for a token
//! ([evaluation](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)):
//! an explicit Deny wins; otherwise one Allow must match in every element.

use crate::aws::trust_policy::document::{Condition, Document, Principal, Statement};
use crate::aws::trust_policy::keys::{bare, quoted};
use crate::aws::trust_policy::operators::{Test, glob};
use crate::aws::trust_policy::{ACTION, ConditionKeys, Reason, Verdict};
use crate::redact::shown;

/// `Ok` if an element of a statement matches the token.
type Finding = Result<(), Reason>;

/// Present for every token, and always false: no Google claim names a role.
const AUTHORIZED_BY_IDP: &str = "sts:RoleAuthorizedByIdp";

pub(super) fn judge(document: &Document, keys: &ConditionKeys) -> Verdict {
    let mut reasons = Vec::new();
    let (mut allowed, mut denied) = (false, false);
    for statement in &document.statements {
        let found = mismatches(statement, document.has_variables, keys);
        if statement.allows {
            allowed |= found.is_empty();
            reasons.extend(found);
        } else if found.iter().all(Reason::is_unknown) {
            // What is unknown might match, so only a sure mismatch rules out a Deny.
            denied = true;
            let reason = match found.first() {
                None => Reason::fails("denies it explicitly"),
                Some(unknown) => Reason::unknown(format!("may deny it: {}", unknown.message)),
            };
            reasons.push(reason.of_statement(&statement.name));
        }
    }
    if allowed && !denied {
        return Verdict::Admitted;
    }
    if reasons.is_empty() {
        reasons.push(Reason::fails("no statement allows anything").of_statement("the policy"));
    }
    Verdict::Refused(reasons)
}

/// The elements of the statement that do not match the token, or may not.
fn mismatches(statement: &Statement, has_variables: bool, keys: &ConditionKeys) -> Vec<Reason> {
    let conditions = statement.conditions.iter();
    [principal(statement, keys), action(statement)]
        .into_iter()
        .chain(conditions.map(|it| condition(it, has_variables, keys)))
        .filter_map(Result::err)
        .map(|reason| reason.of_statement(&statement.name))
        .collect()
}

fn principal(statement: &Statement, keys: &ConditionKeys) -> Finding {
    let Principal {
        everyone,
        federated,
    } = &statement.principal;
    let expected = format!("{{\"Federated\": {}}}", shown(&keys.principal()));
    let provider = format!(":oidc-provider/{}", keys.issuer());
    let arn = federated.iter().find(|name| name.ends_with(&provider));
    let matches = if keys.is_google() {
        federated.iter().any(|name| name == keys.issuer())
    } else {
        arn.is_some()
    };
    if matches {
        return Ok(());
    }
    if *everyone || federated.iter().any(|name| name == "*") {
        // In a Deny it covers every caller. In an Allow, AWS does not document it.
        return match statement.allows {
            true => Err(Reason::unknown(format!(
                "whether the Principal \"*\" stands for web identities; name {expected}"
            ))),
            false => Ok(()),
        };
    }
    if let Some(arn) = arn {
        return Err(Reason::unknown(format!(
            "whether the IAM OIDC provider {} stands for the issuer that is built in; name {expected}",
            shown(arn)
        )));
    }
    Err(Reason::fails(if federated.is_empty() {
        format!("its Principal is not {expected}")
    } else {
        let federated = quoted(federated);
        format!("its Principal is {federated}, the token's is {expected}")
    }))
}

fn action(statement: &Statement) -> Finding {
    let Some(actions) = &statement.actions else {
        return Err(Reason::unknown("NotAction"));
    };
    let wanted = ACTION.to_ascii_lowercase();
    let matches = |action: &String| glob(&action.to_ascii_lowercase(), &wanted);
    if actions.iter().any(matches) {
        return Ok(());
    }
    let actions = quoted(actions);
    Err(Reason::fails(format!(
        "its Action is {actions}, not {ACTION:?}"
    )))
}

fn condition(condition: &Condition, has_variables: bool, keys: &ConditionKeys) -> Finding {
    let Condition {
        operator_name,
        operator,
        key,
        values,
    } = condition;
    let unknown = |message: String| Err(Reason::unknown(message).of_key(key));
    let Some(operator) = operator else {
        return unknown(format!("the operator {}", shown(operator_name)));
    };
    let mut plain = values.clone();
    if has_variables {
        for value in &mut plain {
            match resolved(value, operator.test == Test::Like) {
                Some(it) => *value = it,
                None => return unknown(format!("the variable in {}", shown(value))),
            }
        }
    }
    let not_authorized = ["false".to_owned()];
    let found = match keys.get(key) {
        Some(values) => Some(values),
        None if key.eq_ignore_ascii_case(AUTHORIZED_BY_IDP) => Some(&not_authorized[..]),
        None if keys.comes_from_a_claim(key) => None,
        None => return unknown(format!("the value of the key {}", shown(key))),
    };
    let wants = quoted(values);
    match operator.holds(&plain, found) {
        Some(true) => Ok(()),
        Some(false) => {
            let has = found.map_or_else(|| "none".to_owned(), quoted);
            let key_name = bare(key);
            let message =
                format!("{operator_name} of {key_name} wants {wants}, the token has {has}");
            let hint = match operator.test {
                Test::Null => None,
                _ => audience_hint(key, values, keys),
            };
            Err(Reason {
                hint,
                ..Reason::fails(message).of_key(key)
            })
        }
        None => unknown(format!("{operator_name} of {} with {wants}", bare(key))),
    }
}

/// The value with its variables replaced by the characters they stand for. `None` if a variable
/// stands for something else, or its character means something else in a pattern.
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

/// The classic mistake: `:aud` is the token's `azp`, and its form depends on the token's source.
fn audience_hint(key: &str, wanted: &[String], keys: &ConditionKeys) -> Option<&'static str> {
    if !keys.is_google() || !key.eq_ignore_ascii_case(&keys.named("aud")) {
        return None;
    }
    if wanted.contains(keys.get(&keys.named("oaud"))?.first()?) {
        return Some(
            ":aud is the token's azp; the audience that was asked for is accounts.google.com:oaud",
        );
    }
    let found = keys.get(key)?.first()?;
    let is_numeric = found.bytes().all(|byte| byte.is_ascii_digit());
    let other_form = wanted
        .iter()
        .any(|wanted| wanted.contains('@') == is_numeric);
    other_form.then_some(
        "azp is the account's e-mail or its numeric id, depending on the token's source; pin \
         accounts.google.com:sub and :oaud instead",
    )
}
