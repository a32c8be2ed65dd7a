//! stub
use std::collections::BTreeMap;
use std::fmt;
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConditionKeys(BTreeMap<String, Vec<String>>);
impl ConditionKeys {
    pub fn from_claims(azp: Option<&str>, aud: &str, sub: &str) -> Self {
        Self::default()
            .with("accounts.google.com:aud", azp.unwrap_or(aud))
            .with("accounts.google.com:oaud", aud)
            .with("accounts.google.com:sub", sub)
    }
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(key.into(), vec![value.into()]);
        self
    }
}
impl fmt::Display for ConditionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
