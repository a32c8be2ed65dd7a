//! Many roles of one identity.

mod builder;
mod registry;
mod role_builder;

use crate::aws::sts::AssumeRole;
use crate::build_error::BuildError;
use crate::builder::Common;
use crate::provider::GoogleWebIdentityProvider;
pub use builder::RolesBuilder;
use registry::Registry;
pub use role_builder::RoleBuilder;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Makes providers for many roles of one Google identity, for a service that works in the accounts
/// of its customers.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_google_web_identity::{MetadataServer, Roles};
///
/// let roles = Roles::builder()
///     .audience("https://myservice.example.com")
///     .token_source(MetadataServer::new())
///     .build()
///     .await?;
/// let provider = roles.role("arn:aws:iam::111122223333:role/tenant")?;
/// let narrowed = roles.role_with("arn:aws:iam::111122223333:role/tenant", |role| {
///     role.session_name("tenant-7").policy(
///         r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject",
///             "Resource":"arn:aws:s3:::tenant-7/*"}]}"#,
///     )
/// })?;
/// # Ok(())
/// # }
/// ```
///
/// # What the roles share
///
/// One ID token, fetched once and used until shortly before it expires; one transport and one
/// client of STS; the [`SessionCache`](crate::SessionCache), if there is one. A session belongs to
/// one role, session policy, session name and length, and no provider of another one gets it. The
/// failure of one role leaves the others as they are.
///
/// # Memory
///
/// A provider is cheap to ask for, so a program may ask for it at each request. It is kept, with
/// its session, until nobody holds it, nobody asks for it, and its session has expired. It is
/// dropped when a role is asked for after that: no task runs for it.
///
/// # Pace
///
/// Exchanges go at one rate for all roles. It begins at 30 a second, after 20 at once, and rises
/// with each success while exchanges wait. When STS throttles, it falls and then rises more slowly.
/// A throttled exchange waits for another turn, as long as [`RefreshPolicy::deadline`] allows; then
/// the error is a [`Timeout`](crate::ErrorKind::Timeout) that says how many wait. STS limits may
/// belong to an account: one that is used up slows the others down as well.
///
/// Refreshes are planned so that no second has many more than another. For that, a refresh may
/// begin earlier than [`RefreshPolicy`] says, but not in the first third of the session.
///
/// [`RefreshPolicy`]: crate::RefreshPolicy
/// [`RefreshPolicy::deadline`]: crate::RefreshPolicy::deadline
#[derive(Clone)]
pub struct Roles(Arc<Inner>);

struct Inner {
    common: Common,
    session_length: Option<Duration>,
    registry: Registry,
}

impl Roles {
    /// Sets up the roles of an identity. The audience is required.
    pub fn builder() -> RolesBuilder {
        RolesBuilder::default()
    }

    /// The provider for the role with this ARN. The same role has the same session.
    ///
    /// # Errors
    /// When the ARN is not that of a role.
    pub fn role(
        &self,
        role_arn: impl Into<String>,
    ) -> Result<GoogleWebIdentityProvider, BuildError> {
        self.role_with(role_arn, |role| role)
    }

    /// The provider for the role with this ARN and these settings, such as a tenant's session
    /// policy. The same role with the same settings has the same session.
    ///
    /// # Errors
    /// When the ARN is not that of a role, or a setting is not valid: all problems at once, each
    /// with its setter, the value and the rule.
    pub fn role_with(
        &self,
        role_arn: impl Into<String>,
        settings: impl FnOnce(RoleBuilder) -> RoleBuilder,
    ) -> Result<GoogleWebIdentityProvider, BuildError> {
        let Inner {
            common,
            session_length,
            registry,
        } = &*self.0;
        let role = settings(RoleBuilder::default()).parse(&role_arn.into(), *session_length)?;
        let checked = common.check_account(&role.role_arn);
        checked.map_err(|error| error.of("role_arn"))?;
        let now = common.cx.clocks().now();
        Ok(registry.provider(now, role, |role: Arc<AssumeRole>| common.provider(role)))
    }
}

impl fmt::Debug for Roles {
    /// Names no role: there may be thousands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roles")
            .field("audience", &self.0.common.audience)
            .field("source", &self.0.common.source)
            .field("sts", &self.0.common.sts)
            .field("cache", &self.0.common.cache)
            .field("roles", &self.0.registry.len())
            .finish_non_exhaustive()
    }
}
