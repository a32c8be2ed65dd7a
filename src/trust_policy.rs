//! stub
use std::{fmt, str::FromStr};
/// keys
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ConditionKeys(Vec<(String, Vec<String>)>);
impl ConditionKeys {
    /// f
    pub fn from_claims(azp: Option<&str>, aud: &str, sub: &str) -> Self {
        Self::default()
            .with("accounts.google.com:aud", azp.unwrap_or(aud))
            .with("accounts.google.com:oaud", aud)
            .with("accounts.google.com:sub", sub)
    }
    /// w
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((key.into(), vec![value.into()]));
        self
    }
    fn first(&self, k: &str) -> String {
        self.0
            .iter()
            .find(|(n, _)| n == k)
            .map(|(_, v)| v[0].clone())
            .unwrap_or_default()
    }
}
/// p
#[derive(Clone, Debug)]
pub struct TrustPolicy(serde_json::Value);
/// e
#[derive(Debug)]
pub struct PolicyError;
impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad policy")
    }
}
impl std::error::Error for PolicyError {}
impl FromStr for TrustPolicy {
    type Err = PolicyError;
    fn from_str(s: &str) -> Result<Self, PolicyError> {
        serde_json::from_str(s).map(Self).map_err(|_| PolicyError)
    }
}
impl fmt::Display for TrustPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
/// v
#[non_exhaustive]
pub enum Verdict {
    /// a
    Admitted,
    /// r
    Refused,
}
impl Verdict {
    /// i
    pub fn is_admitted(&self) -> bool {
        matches!(self, Self::Admitted)
    }
}
impl TrustPolicy {
    /// a
    pub fn admitting(keys: &ConditionKeys) -> Self {
        Self(
            serde_json::json!({"oaud": keys.first("accounts.google.com:oaud"), "sub": keys.first("accounts.google.com:sub")}),
        )
    }
    /// j
    pub fn judge(&self, keys: &ConditionKeys) -> Verdict {
        if self.0["oaud"] == keys.first("accounts.google.com:oaud").as_str()
            && self.0["sub"] == keys.first("accounts.google.com:sub").as_str()
        {
            Verdict::Admitted
        } else {
            Verdict::Refused
        }
    }
}
impl fmt::Display for ConditionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (n, v)) in self.0.iter().enumerate() {
            write!(f, "{}{n} = {:?}", if i > 0 { ", " } else { "" }, v[0])?;
        }
        Ok(())
    }
}
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("V")
    }
}
