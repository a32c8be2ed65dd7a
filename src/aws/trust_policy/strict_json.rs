//! JSON as IAM takes it: a name may not occur twice in an object (`serde_json` keeps the last one).

use crate::aws::trust_policy::PolicyError;
use crate::redact::{json_place, said, shown};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;

/// More than a policy needs, with white space.
const MAX: usize = 64 * 1024;

/// The maximum in IAM after a raise of the quota; white space does not count
/// ([quotas](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-entity-length)).
/// It also bounds the judge's work.
const MAX_COMPACT: usize = 8192;

pub(super) fn parse(text: &str) -> Result<Value, PolicyError> {
    if text.len() > MAX {
        return Err(PolicyError(format!(
            "it has {} bytes; IAM takes 2,048 characters by default",
            text.len()
        )));
    }
    // serde_json bounds the nesting.
    let Strict(value) = serde_json::from_str(text).map_err(|error| {
        PolicyError(match error.is_eof() {
            true if text.trim().is_empty() => {
                "it is empty; a JSON object with Version and Statement is expected".to_owned()
            }
            true => format!(
                "it is truncated: its JSON ends early, at {}",
                json_place(&error)
            ),
            false => said(&error.to_string()),
        })
    })?;
    match value.to_string().chars().count() {
        ..=MAX_COMPACT => Ok(value),
        count => Err(PolicyError(format!(
            "it has {count} characters without white space; IAM takes 2,048 by default and 8,192 at most"
        ))),
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Strict)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    /// Also reached by an integer that does not fit 64 bits, which is no longer exact here.
    fn visit_f64<E: Error>(self, _: f64) -> Result<Value, E> {
        Err(E::custom(
            "an unquoted number must be an integer of 64 bits; put it in quotes",
        ))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = items.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, Strict>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "the name {} occurs twice in an object",
                    shown(&name)
                )));
            }
            map.insert(name, value);
        }
        Ok(map.into())
    }
}
