//! How a provider is set up. Strings are parsed, and every problem is reported at once, in
//! [`build`](Builder::build).

#[cfg(feature = "test-util")]
mod test_util;

use crate::aws::sts::{AssumeRole, Sts};
use crate::aws::{region, session_length, session_policy};
use crate::build_error::{BuildError, Problems};
use crate::context::Context;
use crate::environment::Environment;
use crate::exchange::{AzpWatch, Exchange};
use crate::google::application_default::ApplicationDefault;
use crate::google::token_endpoint::JwtBearer;
use crate::names::{Audience, RoleArn, SessionName};
use crate::provider::GoogleWebIdentityProvider;
use crate::refresh::RefreshPolicy;
use crate::token::{ProvideIdToken, SignJwt};
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// Sets up a [`GoogleWebIdentityProvider`].
///
/// Nothing is checked before [`build`](Self::build), which reports every problem at once.
#[must_use = "a builder does nothing until it is built"]
#[derive(Clone, Default)]
pub struct Builder {
    from_env: bool,
    role_arn: Option<String>,
    audience: Option<String>,
    source: Option<Arc<dyn ProvideIdToken>>,
    session_name: Option<String>,
    session_length: Option<Duration>,
    policy: Option<String>,
    policy_arns: Vec<String>,
    region: Option<Region>,
    sdk: Option<SdkConfig>,
    refresh_policy: RefreshPolicy,
    environment: Environment,
    #[cfg(feature = "test-util")]
    monotonic: Option<Arc<dyn crate::clock::MonotonicClock>>,
}

impl Builder {
    pub(crate) fn new(role_arn: String) -> Self {
        Self {
            role_arn: Some(role_arn),
            ..Self::default()
        }
    }

    pub(crate) fn from_env() -> Self {
        Self {
            from_env: true,
            ..Self::default()
        }
    }

    /// The audience of the ID token, which the role's trust policy tests as
    /// `accounts.google.com:oaud`. Required: there is no audience that would be right for everybody.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Where the ID token comes from. Without it, and without [`signer`](Self::signer), it is
    /// [`ApplicationDefault`].
    pub fn token_source(mut self, source: impl ProvideIdToken + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Who signs the assertion that Google's token endpoint exchanges for the ID token: the same as
    /// `token_source(JwtBearer::new(signer))`.
    pub fn signer(self, signer: impl SignJwt + 'static) -> Self {
        self.token_source(JwtBearer::new(signer))
    }

    /// The name of the role session, 2 to 64 of `A-Z a-z 0-9 _ + = , . @ -`, seen in CloudTrail.
    /// By default it is made of the host, pod or Cloud Run revision, and the token's `sub`.
    pub fn session_name(mut self, name: impl Into<String>) -> Self {
        self.session_name = Some(name.into());
        self
    }

    /// How long a session lasts, 900 s to 43,200 s and at most what the role allows; whole seconds.
    /// By default STS decides: one hour.
    pub fn session_length(mut self, length: Duration) -> Self {
        self.session_length = Some(length);
        self
    }

    /// An inline session policy, JSON of at most 2048 characters without white space: the session
    /// may do what both it and the role allow.
    pub fn policy(mut self, policy: impl Into<String>) -> Self {
        self.policy = Some(policy.into());
        self
    }

    /// At most ten managed policies, by ARN of 20 to 2048 bytes, that bound the session like [`policy`](Self::policy).
    pub fn policy_arns(mut self, arns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.policy_arns = arns.into_iter().map(Into::into).collect();
        self
    }

    /// The Region whose STS is called. By default that of [`configure`](Self::configure), or of the
    /// environment and profile.
    pub fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// Takes HTTP client, clock, sleep, retries, timeouts, Region, endpoints, FIPS and dual-stack
    /// from the SDK's configuration. Its credentials are not used. What it leaves open: three tries, 3.1 s for a connection,
    /// 4 s for a try, 10 s for a hop with all of them; a server that asks for more than 5 s of patience (`Retry-After`)
    /// isn't tried again.
    ///
    /// Without it, `build` loads `aws_config::defaults` without credentials, and takes the Region from
    /// environment and profile only: the instance metadata that the SDK would ask is Google's here.
    pub fn configure(mut self, conf: &SdkConfig) -> Self {
        self.sdk = Some(conf.clone());
        self
    }

    /// When and how sessions are refreshed.
    pub fn refresh_policy(mut self, policy: RefreshPolicy) -> Self {
        self.refresh_policy = policy;
        self
    }

    /// Checks everything and makes the provider. It does no network I/O and spawns nothing.
    ///
    /// # Errors
    /// All problems of the configuration at once, each with the setter or variable, the value and
    /// what is allowed.
    pub async fn build(self) -> Result<GoogleWebIdentityProvider, BuildError> {
        let mut problems = Problems::default();
        let sdk = match &self.sdk {
            Some(sdk) => sdk.clone(),
            None => region::default_sdk_config().await,
        };
        let cx = problems.take(Context::new(&sdk)).map(|cx| self.outfit(cx));
        let role_arn =
            self.required::<RoleArn>(&mut problems, "role_arn", "AWS_ROLE_ARN", &self.role_arn);
        let audience =
            self.required::<Audience>(&mut problems, "audience", "TARGET_AUDIENCE", &self.audience);
        let session_name = self.optional::<SessionName>(
            &mut problems,
            "session_name",
            "AWS_ROLE_SESSION_NAME",
            &self.session_name,
        );
        let duration = problems
            .take(session_length::of(
                self.session_length,
                self.variable(session_length::VARIABLE),
            ))
            .flatten();
        let policy = problems.take(
            self.policy
                .as_deref()
                .map(session_policy::compact)
                .transpose(),
        );
        if let Err(error) = session_policy::check_arns(&self.policy_arns) {
            problems.add(error);
        }
        if let Err(error) = region::check_region(&sdk, self.region.as_ref()) {
            problems.add(error);
        }
        let source = self
            .source
            .unwrap_or_else(|| Arc::new(ApplicationDefault::new()));
        if let Some(cx) = &cx {
            problems.take(source.check(cx));
        }
        problems.finish()?;
        let (Some(cx), Some(role_arn), Some(audience), Some(policy)) =
            (cx, role_arn, audience, policy)
        else {
            unreachable!("each of them is reported as a problem when it is missing")
        };
        let request = AssumeRole {
            role_arn,
            duration,
            policy,
            policy_arns: self.policy_arns,
        };
        let sts = Sts::new(&cx, self.region, request);
        let exchange = Exchange {
            cx,
            audience,
            source,
            session_name,
            sts,
            azp: AzpWatch::default(),
        };
        Ok(GoogleWebIdentityProvider::new(
            exchange,
            self.refresh_policy,
        ))
    }

    fn outfit(&self, cx: Context) -> Context {
        let cx = cx
            .with_environment(self.environment.clone())
            .with_deadline(self.refresh_policy.fetch_deadline());
        #[cfg(feature = "test-util")]
        if let Some(clock) = &self.monotonic {
            return cx.with_monotonic(clock.clone());
        }
        cx
    }

    fn variable(&self, name: &str) -> Option<String> {
        if self.from_env {
            self.environment.get(name)
        } else {
            None
        }
    }

    /// A setter wins over its variable.
    fn optional<T: FromStr<Err = BuildError>>(
        &self,
        problems: &mut Problems,
        setter: &str,
        variable: &str,
        set: &Option<String>,
    ) -> Option<T> {
        let (name, text) = match set {
            Some(text) => (setter, text.clone()),
            None => (variable, self.variable(variable)?),
        };
        problems.take(text.parse().map_err(|error: BuildError| error.of(name)))
    }

    fn required<T: FromStr<Err = BuildError>>(
        &self,
        problems: &mut Problems,
        setter: &str,
        variable: &str,
        set: &Option<String>,
    ) -> Option<T> {
        if set.is_none() && self.variable(variable).is_none() {
            // The role is given to `builder`; there is no setter for it.
            problems.add(match (self.from_env, setter) {
                (true, "role_arn") => BuildError::new(
                    variable,
                    "is not set; it is the role to assume, arn:aws:iam::<12 digits>:role/<name>",
                ),
                (true, _) => BuildError::new(
                    variable,
                    format!(
                        "is not set, nor is {setter}(…) called; it is what the role's trust policy \
                             tests as accounts.google.com:oaud"
                    ),
                ),
                (false, _) => BuildError::new(
                    setter,
                    "is required and was not set; it is what the role's trust policy tests as \
                     accounts.google.com:oaud",
                ),
            });
            return None;
        }
        self.optional(problems, setter, variable, set)
    }
}

impl fmt::Debug for Builder {
    /// Without the `SdkConfig`, which shows the profile, secrets and all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("from_env", &self.from_env)
            .field("role_arn", &self.role_arn)
            .field("audience", &self.audience)
            .field("source", &self.source)
            .field("session_name", &self.session_name)
            .field("session_length", &self.session_length)
            .field("policy", &self.policy)
            .field("policy_arns", &self.policy_arns)
            .field("region", &self.region)
            .field("refresh_policy", &self.refresh_policy)
            .finish_non_exhaustive()
    }
}
