//! The condition keys of a token.

use crate::aws::trust_policy::GOOGLE;
use std::fmt;

/// The condition keys that AWS derives from a Google ID token, in AWS's names
/// ([keys of web identity federation](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif)).
///
/// `accounts.google.com:aud` is the token's `azp` if there is one, else its `aud`;
/// `accounts.google.com:oaud` is its `aud`. `Display` shows them on one line.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ConditionKeys {
    /// In the order in which they were added; names as they were given.
    keys: Vec<(String, Vec<String>)>,
}

impl ConditionKeys {
    /// The keys that every token gives.
    pub fn from_claims(azp: Option<&str>, aud: &str, sub: &str) -> Self {
        Self::default()
            .with(format!("{GOOGLE}:aud"), azp.unwrap_or(aud))
            .with(format!("{GOOGLE}:oaud"), aud)
            .with(format!("{GOOGLE}:sub"), sub)
    }

    /// Sets another key, such as `accounts.google.com:google/organization_number`, to this one value.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), vec![value.into()]);
        match self
            .keys
            .iter_mut()
            .find(|(name, _)| name.eq_ignore_ascii_case(&key))
        {
            Some((_, values)) => *values = value,
            None => self.keys.push((key, value)),
        }
        self
    }

    /// The values of a key; its name is not case-sensitive, as with IAM.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.keys
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, values)| &values[..])
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.keys
            .iter()
            .map(|(name, values)| (name.as_str(), &values[..]))
    }
}

impl fmt::Display for ConditionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, values)) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{name} = {}", quoted(values))?;
        }
        Ok(())
    }
}

/// `"a"` or `"a" or "b"`.
pub(super) fn quoted(values: &[String]) -> String {
    values
        .iter()
        .map(|value| crate::redact::shown(value))
        .collect::<Vec<_>>()
        .join(" or ")
}
