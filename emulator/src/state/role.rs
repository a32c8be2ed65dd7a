//! AWS IAM roles.

use super::keys::hex;
use aws_google_web_identity::trust_policy::TrustPolicy;
use aws_lc_rs::digest;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// An AWS IAM role. Without a trust policy it admits nobody.
///
/// ```
/// # use aws_google_web_identity_emulator::Role;
/// # use std::time::Duration;
/// Role::new("arn:aws:iam::123456789012:role/demo").max_session_length(Duration::from_secs(7200));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Role {
    pub(crate) arn: String,
    policy_json: Option<String>,
    pub(crate) policy: Option<Arc<TrustPolicy>>,
    pub(crate) max_session_length: Duration,
}

impl Role {
    /// A role with this ARN: `arn:PARTITION:iam::ACCOUNT:role/NAME`. The longest session is an
    /// hour, as in IAM.
    pub fn new(arn: impl Into<String>) -> Self {
        Self {
            arn: arn.into(),
            policy_json: None,
            policy: None,
            max_session_length: Duration::from_secs(3600),
        }
    }

    /// The trust policy, as JSON or as a
    /// [`TrustPolicy`](aws_google_web_identity::trust_policy::TrustPolicy).
    pub fn trust_policy(mut self, json: impl ToString) -> Self {
        self.policy_json = Some(json.to_string());
        self
    }

    /// The longest session that a caller can request: 1 to 12 hours. [Longer requests
    /// fail](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html);
    /// they are not shortened.
    pub fn max_session_length(mut self, length: Duration) -> Self {
        self.max_session_length = length;
        self
    }

    /// Parses and validates what the setters stored.
    pub(crate) fn parsed(mut self) -> io::Result<Self> {
        let invalid = |problem: String| Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        if role_of(&self.arn).is_none() {
            return invalid(format!("{:?} is not the ARN of a role", self.arn));
        }
        if !(3600..=43_200).contains(&self.max_session_length.as_secs()) {
            return invalid(format!(
                "the longest session of a role is 1 to 12 hours, not {:?}",
                self.max_session_length
            ));
        }
        if let Some(json) = &self.policy_json {
            match json.parse() {
                Ok(policy) => self.policy = Some(Arc::new(policy)),
                Err(error) => return invalid(format!("the trust policy of {}: {error}", self.arn)),
            }
        }
        Ok(self)
    }

    pub(crate) fn max_seconds(&self) -> i64 {
        i64::try_from(self.max_session_length.as_secs()).unwrap_or(i64::MAX)
    }

    /// `arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`, without the role's path.
    pub(crate) fn assumed_arn(&self, session: &str) -> String {
        let (partition, account, name) = role_of(&self.arn).unwrap_or(("aws", "", ""));
        let name = name.rsplit('/').next().unwrap_or_default();
        format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session}")
    }

    /// `AROA…:SESSION`; the id is derived from the ARN.
    pub(crate) fn assumed_id(&self, session: &str) -> String {
        let hash = digest::digest(&digest::SHA256, self.arn.as_bytes());
        let id = hex(&hash.as_ref()[..9]).to_uppercase();
        format!("AROA{}:{session}", &id[..17])
    }
}

/// Partition, account, and name with path, of a role's ARN.
pub(crate) fn role_of(arn: &str) -> Option<(&str, &str, &str)> {
    let mut parts = arn.splitn(6, ':');
    let scheme = parts.next()?;
    let partition = parts.next()?;
    let service = parts.next()?;
    let region = parts.next()?;
    let account = parts.next()?;
    let name = parts.next()?.strip_prefix("role/")?;
    let well_formed = scheme == "arn"
        && partition.starts_with("aws")
        && service == "iam"
        && region.is_empty()
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && !name.is_empty()
        && !name.ends_with('/');
    well_formed.then_some((partition, account, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assumed_role_keeps_partition_and_account_without_the_path() {
        let role = Role::new("arn:aws-us-gov:iam::123456789012:role/teams/demo");
        assert_eq!(
            role.assumed_arn("me"),
            "arn:aws-us-gov:sts::123456789012:assumed-role/demo/me"
        );
        let id = role.assumed_id("me");
        assert_eq!(id.len(), "AROA".len() + 17 + ":me".len());
    }

    #[test]
    fn malformed_arns_are_refused() {
        for arn in [
            "",
            "demo",
            "arn:aws:iam::123456789012:user/demo",
            "arn:aws:iam::12345678901:role/demo",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:iam:us-east-1:123456789012:role/demo",
        ] {
            assert!(Role::new(arn).parsed().is_err(), "{arn}");
        }
    }

    #[test]
    fn a_malformed_trust_policy_is_refused() {
        let role = Role::new("arn:aws:iam::123456789012:role/demo").trust_policy("{");
        assert_eq!(
            role.parsed().unwrap_err().kind(),
            io::ErrorKind::InvalidInput
        );
    }

    #[test]
    fn a_longest_session_outside_1_to_12_hours_is_refused() {
        let role = Role::new("arn:aws:iam::123456789012:role/demo");
        for seconds in [3599, 43_201] {
            let role = role
                .clone()
                .max_session_length(Duration::from_secs(seconds));
            assert!(role.parsed().is_err(), "{seconds}");
        }
    }
}
