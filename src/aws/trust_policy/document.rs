//! The elements of a policy, parsed
//! ([grammar](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html)).

use crate::aws::trust_policy::operators::Operator;
use crate::aws::trust_policy::{GOOGLE, PolicyError};
use crate::redact::shown;
use serde_json::{Map, Value};
use std::collections::HashSet;

#[derive(Clone, Debug, Default)]
pub(super) struct Document {
    /// Version 2012-10-17 has variables, the older one does not.
    pub(super) has_variables: bool,
    pub(super) statements: Vec<Statement>,
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// Its number, from 1, and its Sid.
    pub(super) name: String,
    sid: Option<String>,
    pub(super) allows: bool,
    pub(super) principal: Principal,
    /// `None` for NotAction.
    pub(super) actions: Option<Vec<String>>,
    pub(super) conditions: Vec<Condition>,
}

/// Who may assume the role. One match is enough.
#[derive(Clone, Debug)]
pub(super) struct Principal {
    /// `"*"` or `{"AWS": "*"}`, which mean the same.
    pub(super) everyone: bool,
    pub(super) federated: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// As the policy spells it.
    pub(super) operator_name: String,
    /// `None` for an operator that the judge does not know.
    pub(super) operator: Option<Operator>,
    pub(super) key: String,
    pub(super) values: Vec<String>,
}

fn error<T>(message: impl Into<String>) -> Result<T, PolicyError> {
    Err(PolicyError(message.into()))
}

impl Document {
    pub(super) fn parse(json: &Value) -> Result<Self, PolicyError> {
        let Value::Object(object) = json else {
            return error("a JSON object with Version and Statement is expected");
        };
        only(object, "the policy", &["Version", "Id", "Statement"])?;
        let has_variables = match object.get("Version").map(Value::as_str) {
            Some(Some("2012-10-17")) => true,
            None | Some(Some("2008-10-17")) => false,
            _ => return error("its Version is neither \"2012-10-17\" nor \"2008-10-17\""),
        };
        let statements = match object.get("Statement") {
            Some(Value::Array(statements)) if !statements.is_empty() => &statements[..],
            Some(statement @ Value::Object(_)) => std::slice::from_ref(statement),
            _ => return error("it has no Statement; an object or an array of objects is expected"),
        };
        let statements = statements
            .iter()
            .enumerate()
            .map(|(index, statement)| Statement::parse(index + 1, statement))
            .collect::<Result<Vec<_>, _>>()?;
        let mut sids = HashSet::new();
        for statement in &statements {
            if statement
                .sid
                .as_deref()
                .is_some_and(|sid| !sids.insert(sid))
            {
                return error(format!("{}: its Sid is used twice", statement.name));
            }
        }
        Ok(Self {
            has_variables,
            statements,
        })
    }
}

impl Statement {
    fn parse(number: usize, json: &Value) -> Result<Self, PolicyError> {
        let mut name = format!("statement {number}");
        let Value::Object(object) = json else {
            return error(format!("{name} is not an object"));
        };
        let sid = match object.get("Sid") {
            None => None,
            Some(Value::String(sid)) if sid.bytes().all(|it| it.is_ascii_alphanumeric()) => {
                name = format!("{name} ({})", shown(sid));
                Some(sid.clone()).filter(|sid| !sid.is_empty())
            }
            Some(_) => return error(format!("{name}: its Sid may have letters and digits only")),
        };
        // The role is the implicit Resource.
        only(
            object,
            &name,
            &[
                "Sid",
                "Effect",
                "Principal",
                "Action",
                "NotAction",
                "Condition",
            ],
        )?;
        let allows = match object.get("Effect").and_then(Value::as_str) {
            Some("Allow") => true,
            Some("Deny") => false,
            _ => {
                return error(format!(
                    "{name}: its Effect is neither \"Allow\" nor \"Deny\""
                ));
            }
        };
        let principal = match object.get("Principal") {
            Some(principal) => Principal::parse(&name, principal)?,
            None => return error(format!("{name} has no Principal")),
        };
        let actions = match (object.get("Action"), object.get("NotAction")) {
            (Some(actions), None) => Some(self::actions(&format!("{name}: Action"), actions)?),
            (None, Some(others)) => {
                self::actions(&format!("{name}: NotAction"), others)?;
                None
            }
            _ => return error(format!("{name}: one of Action and NotAction is expected")),
        };
        let conditions = match object.get("Condition") {
            None => Vec::new(),
            Some(Value::Object(operators)) => conditions(&name, operators)?,
            Some(_) => return error(format!("{name}: Condition is not an object")),
        };
        Ok(Self {
            name,
            sid,
            allows,
            principal,
            actions,
            conditions,
        })
    }
}

impl Principal {
    fn parse(name: &str, json: &Value) -> Result<Self, PolicyError> {
        let kinds = match json {
            Value::String(everyone) if everyone == "*" => {
                return Ok(Self {
                    everyone: true,
                    federated: Vec::new(),
                });
            }
            Value::Object(kinds) if !kinds.is_empty() => kinds,
            _ => {
                return error(format!(
                    "{name}: Principal is neither \"*\" nor an object such as {{\"Federated\": {GOOGLE:?}}}"
                ));
            }
        };
        let (mut everyone, mut federated) = (false, Vec::new());
        for (kind, values) in kinds {
            let values = strings(&format!("{name}: Principal.{}", shown(kind)), values)?;
            match kind.as_str() {
                "Federated" => federated.extend(values),
                "AWS" if values.iter().any(|value| value == "*") => everyone = true,
                "AWS" | "Service" | "CanonicalUser" => {}
                _ => {
                    return error(format!(
                        "{name}: there is no principal of type {}",
                        shown(kind)
                    ));
                }
            }
        }
        Ok(Self {
            everyone,
            federated,
        })
    }
}

/// IAM rejects the actions of other services: "AssumeRole policy may only specify STS AssumeRole
/// actions".
fn actions(place: &str, json: &Value) -> Result<Vec<String>, PolicyError> {
    let actions = strings(place, json)?;
    let is_of_sts = |action: &String| {
        let service = action.split(':').next().unwrap_or_default();
        service == "*" || service.eq_ignore_ascii_case("sts")
    };
    match actions.iter().find(|action| !is_of_sts(action)) {
        Some(other) => error(format!(
            "{place}: {} is not an action of STS; a trust policy has no others",
            shown(other)
        )),
        None => Ok(actions),
    }
}

/// Escapes the text, so that no part of it is a variable
/// ([special characters](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars)).
pub(super) fn literal(text: &str) -> String {
    text.replace("${", "${$}{")
}

fn conditions(name: &str, operators: &Map<String, Value>) -> Result<Vec<Condition>, PolicyError> {
    let mut conditions = Vec::new();
    for (operator_name, keys) in operators {
        let Value::Object(keys) = keys else {
            return error(format!(
                "{name}: Condition.{} is not an object",
                shown(operator_name)
            ));
        };
        for (key, values) in keys {
            conditions.push(Condition {
                operator: Operator::parse(operator_name),
                operator_name: operator_name.clone(),
                key: key.clone(),
                values: strings(
                    &format!("{name}: {} of {}", shown(operator_name), shown(key)),
                    values,
                )?,
            });
        }
    }
    Ok(conditions)
}

/// One string or more. Numbers and booleans count as their text, as in IAM.
fn strings(place: &str, json: &Value) -> Result<Vec<String>, PolicyError> {
    let values = match json {
        Value::Array(values) => &values[..],
        value => std::slice::from_ref(value),
    };
    if values.is_empty() {
        return error(format!("{place}: at least one value is expected"));
    }
    values
        .iter()
        .map(|value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
            _ => error(format!(
                "{place}: a string or an array of strings is expected"
            )),
        })
        .collect()
}

/// Refuses elements other than these.
fn only(object: &Map<String, Value>, place: &str, known: &[&str]) -> Result<(), PolicyError> {
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => error(format!(
            "{place}: there is no element {}; {} are expected",
            shown(name),
            known.join(", ")
        )),
        None => Ok(()),
    }
}
