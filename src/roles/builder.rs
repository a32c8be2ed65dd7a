//! Sets up the roles of an identity.

use super::{Inner, Registry, Roles};
use crate::aws::session_length;
use crate::aws::sts::{Pace, Sts};
use crate::build_error::{BuildError, Problems};
use crate::builder::Builder;
use crate::cache::SessionCache;
use crate::refresh::{Calendar, RefreshPolicy};
use crate::source::SharedIdToken;
use crate::token::{ProvideIdToken, SignJwt};
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Sets up [`Roles`]. The setters are those of [`Builder`](crate::Builder) that make sense for all
/// roles; [`role_with`](Roles::role_with) has the others.
#[must_use = "a builder does nothing until it is built"]
#[derive(Clone, Default)]
pub struct RolesBuilder {
    all: Builder,
    session_length: Option<Duration>,
}

impl RolesBuilder {
    /// Sets the audience of the ID token, which the trust policies of the roles test as
    /// `accounts.google.com:oaud`. It is required and has no default.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.with(|all| all.audience(audience))
    }

    /// Sets the source of the ID token. The default is
    /// [`ApplicationDefault`](crate::ApplicationDefault). The roles share its tokens, so it need
    /// not be a [`SharedIdToken`].
    pub fn token_source(self, source: impl ProvideIdToken + 'static) -> Self {
        self.with(|all| all.token_source(source))
    }

    /// Sets who signs the assertion that Google's token endpoint exchanges for the ID token, as
    /// [`Builder::signer`](crate::Builder::signer) does.
    pub fn signer(self, signer: impl SignJwt + 'static) -> Self {
        self.with(|all| all.signer(signer))
    }

    /// Sets the length of a session in whole seconds: 900 s to 43,200 s, and at most the role's own
    /// maximum. By default STS decides: one hour.
    pub fn session_length(mut self, length: Duration) -> Self {
        self.session_length = Some(length);
        self
    }

    /// Sets the Region of STS. The default is that of [`configure`](Self::configure), or of the
    /// environment and the profile.
    pub fn region(self, region: Region) -> Self {
        self.with(|all| all.region(region))
    }

    /// Takes HTTP client, clock, sleep, retries, timeouts, Region, endpoints, FIPS and dual-stack
    /// from the SDK's configuration, as [`Builder::configure`](crate::Builder::configure) does.
    pub fn configure(self, conf: &SdkConfig) -> Self {
        self.with(|all| all.configure(conf))
    }

    /// Sets when sessions are refreshed, and how failures are retried.
    pub fn refresh_policy(self, policy: RefreshPolicy) -> Self {
        self.with(|all| all.refresh_policy(policy))
    }

    /// Shares sessions with other processes through this cache, as
    /// [`Builder::session_cache`](crate::Builder::session_cache) does.
    pub fn session_cache(self, cache: impl SessionCache + 'static) -> Self {
        self.with(|all| all.session_cache(cache))
    }

    /// Checks the settings and makes the [`Roles`]. Reads local files, on a thread for that, but
    /// does no network I/O and leaves no task running.
    ///
    /// # Errors
    /// All problems at once, each with its setter, variable or profile key, the value and the rule.
    pub async fn build(self) -> Result<Roles, BuildError> {
        let mut problems = Problems::default();
        let cx = self.all.context(&mut problems).await;
        let audience = self.all.required_audience(&mut problems);
        problems.take(session_length::of(self.session_length, None));
        let common = self.all.common(&mut problems, cx, audience).await;
        problems.finish()?;
        let Some(mut common) = common else {
            unreachable!("it is missing only after a problem was reported")
        };
        common.source = Arc::new(SharedIdToken::new(common.source));
        let pace = Pace::new(common.cx.clocks().clone());
        common.sts = Sts::new(&common.cx, common.region.clone(), Some(pace));
        common.calendar = Some(Arc::new(Calendar::default()));
        Ok(Roles(Arc::new(Inner {
            common,
            session_length: self.session_length,
            registry: Registry::default(),
        })))
    }

    fn with(mut self, set: impl FnOnce(Builder) -> Builder) -> Self {
        self.all = set(self.all);
        self
    }
}

impl fmt::Debug for RolesBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RolesBuilder")
            .field("all", &self.all)
            .field("session_length", &self.session_length)
            .finish()
    }
}

// Last, so that the documentation shows these setters after the others.
#[cfg(feature = "test-util")]
mod test_util {
    use super::RolesBuilder;
    use crate::clock::MonotonicClock;

    impl RolesBuilder {
        /// Replaces the process's environment with these variables, for tests, as
        /// [`Builder::environment`](crate::Builder::environment) does.
        pub fn environment(
            self,
            variables: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
        ) -> Self {
            self.with(|all| all.environment(variables))
        }

        /// Sets the monotonic clock, for tests. [`configure`](Self::configure) sets the wall clock
        /// and the sleep.
        pub fn monotonic_clock(self, clock: impl MonotonicClock + 'static) -> Self {
            self.with(|all| all.monotonic_clock(clock))
        }
    }
}
