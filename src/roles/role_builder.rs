//! Sets up one role of many.

use crate::aws::sts::AssumeRole;
use crate::aws::{session_length, session_policy};
use crate::build_error::{BuildError, Problems};
use crate::names::{RoleArn, SessionName};
use std::time::Duration;

/// Sets up one of the roles of [`Roles`](crate::Roles), in
/// [`role_with`](crate::Roles::role_with).
#[must_use = "a builder does nothing until it is returned"]
#[derive(Clone, Debug, Default)]
pub struct RoleBuilder {
    session_name: Option<String>,
    session_length: Option<Duration>,
    policy: Option<String>,
    policy_arns: Vec<String>,
}

impl RoleBuilder {
    /// Sets the name of the role session, as CloudTrail shows it: 2 to 64 characters of
    /// `A-Z a-z 0-9 _ + = , . @ -`.
    ///
    /// The default is made of the host, pod or Cloud Run revision, and the token's `sub`.
    pub fn session_name(mut self, name: impl Into<String>) -> Self {
        self.session_name = Some(name.into());
        self
    }

    /// Sets the length of a session in whole seconds: 900 s to 43,200 s, and at most the role's own
    /// maximum. The default is that of all roles
    /// ([`RolesBuilder::session_length`](crate::RolesBuilder::session_length)).
    pub fn session_length(mut self, length: Duration) -> Self {
        self.session_length = Some(length);
        self
    }

    /// Sets an inline session policy: JSON of at most 2048 characters, white space not counted. The
    /// session may do only what both the role and this policy allow.
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.policy = Some(policy.into());
        self
    }

    /// Sets at most ten managed policies, by their ARNs of 20 to 2048 bytes, which bound the
    /// session as [`policy`](Self::policy) does.
    pub fn policy_arns(mut self, arns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.policy_arns = arns.into_iter().map(Into::into).collect();
        self
    }

    pub(super) fn parse(
        self,
        role_arn: &str,
        default_length: Option<Duration>,
    ) -> Result<AssumeRole, BuildError> {
        let mut problems = Problems::default();
        let arn = role_arn.parse::<RoleArn>();
        let arn = problems.take(arn.map_err(|error| error.of("role_arn")));
        let name = self.session_name.as_deref().map(str::parse::<SessionName>);
        let name = name.transpose().map_err(|error| error.of("session_name"));
        let session_name = problems.take(name);
        let duration = problems.take(session_length::of(self.session_length, None));
        let policy = self.policy.as_deref().map(session_policy::compact);
        let policy = problems.take(policy.transpose());
        problems.take(session_policy::check_arns(&self.policy_arns));
        problems.finish()?;
        let (Some(role_arn), Some(session_name), Some(duration), Some(policy)) =
            (arn, session_name, duration, policy)
        else {
            unreachable!("a value is missing only after a problem was reported")
        };
        Ok(AssumeRole {
            role_arn,
            duration: duration.or(default_length),
            policy,
            policy_arns: self.policy_arns,
            session_name,
        })
    }
}
