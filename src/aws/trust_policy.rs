//! The role's trust policy: the condition keys that AWS derives from a Google ID token, the policy that
//! admits a token, and whether a given policy does.
//!
//! The judge follows AWS's documentation of
//! [policy evaluation](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html) and of the
//! [condition operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html),
//! for `sts:AssumeRoleWithWebIdentity` of a Google identity. What it doesn't know it names as unknown,
//! and never takes for true: it may refuse what AWS admits, not the other way round.
//!
//! ```
//! use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
//!
//! let policy: TrustPolicy = r#"{"Version": "2012-10-17", "Statement": {
//!     "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"},
//!     "Action": "sts:AssumeRoleWithWebIdentity",
//!     "Condition": {"StringEquals": {"accounts.google.com:aud": "https://a"}}}}"#.parse()?;
//! // The token's `azp` hides its `aud` from the key `:aud`.
//! let keys = ConditionKeys::from_claims(Some("117291390000000000001"), "https://a", "117291390000000000001");
//! let verdict = policy.judge(&keys);
//! assert!(!verdict.is_admitted());
//! assert!(verdict.to_string().contains("accounts.google.com:oaud"));
//! # Ok::<(), aws_google_web_identity::trust_policy::PolicyError>(())
//! ```

mod document;
mod judge;
mod keys;
mod operators;
mod strict_json;
#[cfg(test)]
mod tests;

pub use judge::{Reason, Verdict};
pub use keys::ConditionKeys;

use document::Document;
use serde_json::{Value, json};
use std::fmt;
use std::str::FromStr;

/// What a trust policy names Google as.
pub(crate) const GOOGLE: &str = "accounts.google.com";
const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// A role's trust policy, parsed.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    json: Value,
    document: Document,
}

/// Why a text is no trust policy: where, and what is expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a trust policy: {0}")]
pub struct PolicyError(pub(crate) String);

impl TrustPolicy {
    /// The policy that admits this token and no other identity: it pins `sub`, who the token is, and
    /// `oaud`, whom it was made for, and so holds whatever source the token comes from.
    ///
    /// For keys that lack one of the two, which no token's do, it is a policy that admits nobody.
    pub fn admitting(keys: &ConditionKeys) -> Self {
        let pinned: serde_json::Map<String, Value> = ["sub", "oaud"]
            .iter()
            .filter_map(|name| {
                let key = format!("{GOOGLE}:{name}");
                let value = document::literal(keys.get(&key)?.first()?);
                Some((key, value.into()))
            })
            .collect();
        let effect = match pinned.len() {
            2 => "Allow",
            _ => "Deny",
        };
        let json = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": effect,
                "Principal": { "Federated": GOOGLE },
                "Action": ACTION,
                "Condition": { "StringEquals": pinned },
            }],
        });
        let document = Document::admitting(keys);
        Self { json, document }
    }

    /// Whether a token with these keys may assume the role, and if not, which condition fails.
    pub fn judge(&self, keys: &ConditionKeys) -> Verdict {
        judge::judge(&self.document, keys)
    }

    /// The policy as JSON with indentation. `Display` gives it without white space.
    pub fn to_json_pretty(&self) -> String {
        format!("{:#}", self.json)
    }
}

impl FromStr for TrustPolicy {
    type Err = PolicyError;

    /// # Errors
    /// For what IAM wouldn't take as a trust policy: no JSON, a name twice in an object, an element that
    /// there isn't, such as NotPrincipal, actions of other services, a Sid twice, more than 64 KiB; and for an unquoted number that is too
    /// long to be exact.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let json = strict_json::parse(text)?;
        let document = Document::parse(&json)?;
        Ok(Self { json, document })
    }
}

impl fmt::Display for TrustPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.json)
    }
}
