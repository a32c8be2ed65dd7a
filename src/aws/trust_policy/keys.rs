//! The condition keys of a token.

use crate::aws::trust_policy::GOOGLE;
use crate::redact::shown;
use crate::token::Claims;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// The condition keys that AWS derives from an ID token, by AWS's names
/// ([keys of web identity federation](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif)).
///
/// The names start with the issuer without `https://`. For Google, `accounts.google.com:aud` is
/// the token's `azp` if it has one, else its `aud`; `accounts.google.com:oaud` is its `aud`.
///
/// `Display` shows the keys on one line, `{:#}` one key a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionKeys {
    issuer: String,
    /// In the order in which they were set, by the names that were given.
    keys: Vec<(String, Vec<String>)>,
}

impl ConditionKeys {
    /// The keys that every Google token gives.
    pub fn from_claims(azp: Option<&str>, aud: &str, sub: &str) -> Self {
        Self::of_issuer(GOOGLE, azp, aud, sub)
    }

    /// The keys that every token of this issuer gives, for example of a GKE cluster.
    ///
    /// Only Google's tokens give `oaud`.
    pub fn of_issuer(issuer: &str, azp: Option<&str>, aud: &str, sub: &str) -> Self {
        let keys = Self {
            issuer: issuer.strip_prefix("https://").unwrap_or(issuer).to_owned(),
            keys: Vec::new(),
        };
        let (aud_key, oaud_key, sub_key) =
            (keys.named("aud"), keys.named("oaud"), keys.named("sub"));
        let keys = keys.with(aud_key, azp.unwrap_or(aud));
        let keys = if keys.is_google() {
            keys.with(oaud_key, aud)
        } else {
            keys
        };
        keys.with(sub_key, sub)
    }

    /// Sets a key, such as `accounts.google.com:email`, to one value.
    #[must_use]
    pub fn with(self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.with_values(key, [value])
    }

    /// Sets a key that has several values, such as `accounts.google.com:amr`.
    #[must_use]
    pub fn with_values(
        mut self,
        key: impl Into<String>,
        values: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let key = key.into();
        let new = values.into_iter().map(Into::into).collect();
        match self
            .keys
            .iter_mut()
            .find(|(name, _)| name.eq_ignore_ascii_case(&key))
        {
            Some((_, values)) => *values = new,
            None => self.keys.push((key, new)),
        }
        self
    }

    /// The issuer of the token, without `https://`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The values of a key. Its name is not case-sensitive, as in IAM.
    pub fn get(&self, key: &str) -> Option<&[String]> {
        self.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(key))
            .map(|(_, values)| values)
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.keys
            .iter()
            .map(|(name, values)| (name.as_str(), &values[..]))
    }

    pub(super) fn is_google(&self) -> bool {
        self.issuer == GOOGLE
    }

    /// The key with this name and the issuer's prefix.
    pub(super) fn named(&self, name: &str) -> String {
        format!("{}:{name}", self.issuer)
    }

    /// The keys that tell one identity and audience from all others.
    pub(super) fn pinned(&self) -> [String; 2] {
        let audience = if self.is_google() { "oaud" } else { "aud" };
        [self.named("sub"), self.named(audience)]
    }

    /// The principal of a trust policy that stands for the issuer. The account of an IAM OIDC
    /// provider is not known here.
    pub(super) fn principal(&self) -> String {
        if self.is_google() {
            GOOGLE.to_owned()
        } else {
            format!("arn:aws:iam::ACCOUNT:oidc-provider/{}", self.issuer)
        }
    }

    /// Whether AWS takes this key from a claim, so that the key is absent when it is not set.
    pub(super) fn comes_from_a_claim(&self, key: &str) -> bool {
        ["aud", "sub", "email", "amr"]
            .iter()
            .chain(self.is_google().then_some(&"oaud"))
            .any(|name| key.eq_ignore_ascii_case(&self.named(name)))
    }
}

impl Default for ConditionKeys {
    /// No keys, of a token from Google.
    fn default() -> Self {
        Self {
            issuer: GOOGLE.to_owned(),
            keys: Vec::new(),
        }
    }
}

impl Claims {
    /// The condition keys that AWS derives from this token, which a role's trust policy can test
    /// ([keys of web identity federation](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif)).
    ///
    /// The claim `google.organization_number` is not among them: AWS does not say in which form it
    /// reads that.
    pub fn aws_condition_keys(&self) -> ConditionKeys {
        let mut keys =
            ConditionKeys::of_issuer(&self.iss, self.azp.as_deref(), &self.aud, &self.sub);
        if let Some(email) = &self.email {
            let key = keys.named("email");
            keys = keys.with(key, email);
        }
        let methods = match self.other("amr") {
            None | Some(Value::Null) => return keys,
            Some(Value::Array(methods)) => &methods[..],
            Some(method) => std::slice::from_ref(method),
        };
        let text = |method: &Value| match method {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let key = keys.named("amr");
        keys.with_values(key, methods.iter().map(text))
    }
}

impl fmt::Display for ConditionKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if f.alternate() { "\n" } else { ", " };
        for (index, (name, values)) in self.iter().enumerate() {
            let separator = if index == 0 { "" } else { separator };
            write!(f, "{separator}{} = {}", bare(name), quoted(values))?;
        }
        Ok(())
    }
}

/// The name of a key as it is, or quoted and bounded if it is unusual: it starts with the issuer,
/// a foreign text.
pub(super) fn bare(name: &str) -> Cow<'_, str> {
    const USUAL: usize = 300;
    if name.len() <= USUAL && name.bytes().all(|byte| byte.is_ascii_graphic()) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(shown(name))
    }
}

/// `"a"` or `"a" or "b"`.
pub(super) fn quoted(values: &[String]) -> String {
    let values: Vec<_> = values.iter().map(|value| shown(value)).collect();
    values.join(" or ")
}
