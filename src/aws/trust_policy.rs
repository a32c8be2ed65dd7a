//! The trust policy of a role: reads one, judges whether it admits a token, and writes one that
//! does.
//!
//! # What it is
//!
//! AWS derives *condition keys* from the claims of an ID token, and evaluates the role's trust
//! policy with them. [`ConditionKeys`] are those keys. [`TrustPolicy::judge`] evaluates a policy
//! as AWS does, without a call to AWS, and says which condition fails.
//! [`TrustPolicy::admitting`] writes the policy for a token.
//!
//! # How it works
//!
//! The judge follows AWS's pages on
//! [policy evaluation](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html)
//! and on the
//! [condition operators](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html),
//! for the action `sts:AssumeRoleWithWebIdentity`. It may refuse what AWS admits, never the other
//! way round: what AWS does not document is *unknown* ([`Reason::is_unknown`]), and an unknown
//! condition neither satisfies an Allow nor rules out a Deny.
//!
//! A key that [`ConditionKeys`] do not hold counts as absent from the token when AWS takes it from
//! a claim (`aud`, `sub`, `email`, `amr`, and Google's `oaud`). `sts:RoleAuthorizedByIdp` is
//! false. Every other key is unknown. So is `accounts.google.com:google/organization_number`,
//! since AWS does not say in which form it reads the claim, unless [`ConditionKeys::with`] sets it.
//!
//! For Google, the principal is `{"Federated": "accounts.google.com"}`. Whether the ARN of an IAM
//! OIDC provider for Google matches as well is unknown. For any other issuer that ARN is the
//! principal, and the judge assumes that the provider exists in the role's account.
//!
//! # What it refuses
//!
//! Parsing fails with a [`PolicyError`] for what IAM would not accept as a trust policy: invalid
//! JSON, a repeated name, an unknown element, an action of another service. It also fails for an
//! unquoted number that is not an integer of 64 bits. Numeric operators compare integers; with any
//! other value they are unknown.
//!
//! # Example
//!
//! ```
//! use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
//!
//! let policy: TrustPolicy = r#"{"Version": "2012-10-17", "Statement": {
//!     "Effect": "Allow", "Principal": {"Federated": "accounts.google.com"},
//!     "Action": "sts:AssumeRoleWithWebIdentity",
//!     "Condition": {"StringEquals": {"accounts.google.com:aud": "https://a"}}}}"#.parse()?;
//! // The key `:aud` is the token's `azp`, not its `aud`.
//! let keys = ConditionKeys::from_claims(Some("117291390000000000001"), "https://a", "117291390000000000001");
//! let verdict = policy.judge(&keys);
//! assert!(!verdict.is_admitted());
//! let [reason] = verdict.reasons() else { panic!() };
//! assert_eq!(reason.key(), Some("accounts.google.com:aud"));
//! assert!(reason.hint().unwrap().contains("accounts.google.com:oaud"));
//!
//! assert!(TrustPolicy::admitting(&keys).judge(&keys).is_admitted());
//! # Ok::<(), aws_google_web_identity::trust_policy::PolicyError>(())
//! ```

mod document;
mod judge;
mod keys;
mod operators;
mod strict_json;
#[cfg(test)]
mod tests;
mod verdict;

pub use keys::ConditionKeys;
pub use verdict::{Reason, Verdict};

use document::Document;
use serde_json::{Map, Value, json};
use std::fmt;
use std::str::FromStr;

/// Google's issuer without its scheme: the prefix of the condition keys, and the principal.
const GOOGLE: &str = "accounts.google.com";
const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// A role's trust policy, parsed.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    json: Value,
    document: Document,
}

/// Why a text is not a trust policy: the place, and what is expected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a trust policy: {0}")]
pub struct PolicyError(String);

impl TrustPolicy {
    /// Writes the policy that admits this token and no other identity.
    ///
    /// It pins `sub`, the identity, and `oaud`, the audience that was asked for. Both are the same
    /// for every source of the token.
    ///
    /// For an issuer other than Google it pins `sub` and `aud`. Its principal is then the ARN of
    /// an IAM OIDC provider: put your account id in place of `ACCOUNT`.
    ///
    /// For keys that lack one of the two, it writes a policy that admits nobody. No token lacks
    /// them.
    pub fn admitting(keys: &ConditionKeys) -> Self {
        let names = keys.pinned();
        let pinned: Map<String, Value> = names
            .iter()
            .filter_map(|key| {
                let value = document::literal(keys.get(key)?.first()?);
                Some((key.clone(), value.into()))
            })
            .collect();
        let effect = if pinned.len() == names.len() {
            "Allow"
        } else {
            "Deny"
        };
        let json = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": effect,
                "Principal": { "Federated": keys.principal() },
                "Action": ACTION,
                "Condition": { "StringEquals": pinned },
            }],
        });
        // Policies of this shape always parse. If one did not, an empty document admits nobody.
        let document = Document::parse(&json).unwrap_or_default();
        Self { json, document }
    }

    /// Judges whether a token with these keys may assume the role, and if not, which conditions
    /// fail.
    pub fn judge(&self, keys: &ConditionKeys) -> Verdict {
        judge::judge(&self.document, keys)
    }

    /// The policy as indented JSON. `Display` writes it without white space.
    pub fn to_json_pretty(&self) -> String {
        format!("{:#}", self.json)
    }
}

impl FromStr for TrustPolicy {
    type Err = PolicyError;

    /// Parses a policy of at most 64 KiB.
    ///
    /// # Errors
    /// See [What it refuses](self#what-it-refuses).
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
