//! Sets up a provider. [`build`](Builder::build) parses the strings and reports all problems.

mod common;

use crate::aws::sts::{AssumeRole, Sts};
use crate::aws::{region, sdk_config, session_length, session_policy};
use crate::build_error::{BuildError, Problems};
use crate::cache::{GuardedCache, SessionCache};
use crate::context::Context;
use crate::environment::Environment;
use crate::file::{self, off_runtime};
use crate::google::application_default::ApplicationDefault;
use crate::google::token_endpoint::JwtBearer;
use crate::names::{Audience, RoleArn, SessionName};
use crate::provider::GoogleWebIdentityProvider;
use crate::redact::shown;
use crate::refresh::RefreshPolicy;
use crate::token::{ProvideIdToken, SignJwt};
use aws_types::SdkConfig;
use aws_types::region::Region;
pub(crate) use common::Common;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

impl GoogleWebIdentityProvider {
    /// Sets up a provider for the role with this ARN.
    ///
    /// Reads neither `AWS_ROLE_ARN` nor `TARGET_AUDIENCE`: set the audience with
    /// [`Builder::audience`]. [`from_env`](Self::from_env) reads both.
    pub fn builder(role_arn: impl Into<String>) -> Builder {
        Builder {
            role_arn: Some(role_arn.into()),
            ..Builder::default()
        }
    }

    /// Sets up a provider from the environment: `AWS_ROLE_ARN`, `TARGET_AUDIENCE`, and optionally
    /// `AWS_ROLE_SESSION_NAME` and `AWS_ROLE_DURATION_SECONDS`.
    ///
    /// A setter takes precedence over its variable. An empty variable counts as not set.
    pub fn from_env() -> Builder {
        Builder {
            from_env: true,
            ..Builder::default()
        }
    }
}

/// Sets up a [`GoogleWebIdentityProvider`].
///
/// [`audience`](Self::audience) is required. [`build`](Self::build) checks all settings and
/// reports all problems at once.
///
/// ```no_run
/// # async fn run() -> Result<(), aws_google_web_identity::BuildError> {
/// use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer};
/// use std::time::Duration;
///
/// let provider = GoogleWebIdentityProvider::builder("arn:aws:iam::123456789012:role/demo")
///     .audience("https://myservice.example.com")
///     .token_source(MetadataServer::new())
///     .session_length(Duration::from_secs(900))
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
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
    cache: Option<Arc<GuardedCache>>,
    environment: Environment,
    #[cfg(feature = "test-util")]
    monotonic: Option<Arc<dyn crate::clock::MonotonicClock>>,
}

impl Builder {
    /// Sets the role to assume, in place of that of [`GoogleWebIdentityProvider::builder`] or
    /// `AWS_ROLE_ARN`.
    pub fn role_arn(mut self, arn: impl Into<String>) -> Self {
        self.role_arn = Some(arn.into());
        self
    }

    /// Sets the audience of the ID token, which the role's trust policy tests as
    /// `accounts.google.com:oaud`. It is required and has no default.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sets the source of the ID token. The default is [`ApplicationDefault`].
    pub fn token_source(mut self, source: impl ProvideIdToken + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Sets who signs the assertion that Google's token endpoint exchanges for the ID token: short
    /// for `token_source(JwtBearer::new(signer))`.
    pub fn signer(self, signer: impl SignJwt + 'static) -> Self {
        self.token_source(JwtBearer::new(signer))
    }

    /// Sets the name of the role session, as CloudTrail shows it: 2 to 64 characters of
    /// `A-Z a-z 0-9 _ + = , . @ -`.
    ///
    /// The default is made of the host, pod or Cloud Run revision, and the token's `sub`.
    pub fn session_name(mut self, name: impl Into<String>) -> Self {
        self.session_name = Some(name.into());
        self
    }

    /// Sets the length of a session in whole seconds: 900 s to 43,200 s, and at most the role's own
    /// maximum. By default STS decides: one hour.
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

    /// Sets the Region of STS. The default is that of [`configure`](Self::configure), or of the
    /// environment and the profile.
    pub fn region(mut self, region: Region) -> Self {
        self.region = Some(region);
        self
    }

    /// Takes HTTP client, clock, sleep, retries, timeouts, Region, endpoints, FIPS and dual-stack
    /// from the SDK's configuration, but not its credentials.
    ///
    /// Defaults for what it leaves open: three attempts, 3.1 s for a connection, 4 s for an
    /// attempt, 10 s for a hop with its retries. A server whose `Retry-After` is above 5 s is not
    /// retried.
    ///
    /// Without a configuration, [`build`](Self::build) reads the SDK's variables and profile keys
    /// for Region, endpoint of STS, FIPS, dual-stack and retries. It does not ask the EC2 metadata
    /// address, which is Google's metadata server on Google Cloud. The retry mode `legacy` counts
    /// as `standard`.
    pub fn configure(mut self, conf: &SdkConfig) -> Self {
        self.sdk = Some(conf.clone());
        self
    }

    /// Sets when sessions are refreshed, and how failures are retried.
    pub fn refresh_policy(mut self, policy: RefreshPolicy) -> Self {
        self.refresh_policy = policy;
        self
    }

    /// Shares sessions with other processes through this cache: a
    /// [`FileCache`](crate::FileCache) with those of this machine.
    ///
    /// Every process that has the cache, and its sealing key if there is one, can use every session
    /// in it. Sessions are kept apart by role, session policy, length, session name, audience,
    /// endpoint of STS and Google identity. A cache that fails costs at most 250 ms and one warning
    /// a minute.
    pub fn session_cache(mut self, cache: impl SessionCache + 'static) -> Self {
        self.cache = Some(Arc::new(GuardedCache::new(cache)));
        self
    }

    /// Checks all settings and makes the provider. Reads local files, on a thread for that, but
    /// does no network I/O and leaves no task running.
    ///
    /// # Errors
    /// All problems at once, each with its setter, variable or profile key, the value and the rule.
    pub async fn build(self) -> Result<GoogleWebIdentityProvider, BuildError> {
        let mut problems = Problems::default();
        let cx = self.context(&mut problems).await;
        let role_arn = self.required::<RoleArn>(
            &mut problems,
            "role_arn",
            "AWS_ROLE_ARN",
            &self.role_arn,
            "it is the role to assume, arn:aws:iam::<12 digits>:role/<name>",
        );
        let audience = self.required_audience(&mut problems);
        let session_name = self.optional::<SessionName>(
            &mut problems,
            "session_name",
            "AWS_ROLE_SESSION_NAME",
            &self.session_name,
        );
        let length = self.variable(&mut problems, session_length::VARIABLE);
        let duration = problems
            .take(session_length::of(self.session_length, length))
            .flatten();
        let policy = problems.take(
            self.policy
                .as_deref()
                .map(session_policy::compact)
                .transpose(),
        );
        problems.take(session_policy::check_arns(&self.policy_arns));
        let common = self.common(&mut problems, cx, audience).await;
        if let (Some(common), Some(arn)) = (&common, &role_arn) {
            let name = match self.role_arn {
                Some(_) => "role_arn",
                None => "AWS_ROLE_ARN",
            };
            let checked = common.check_account(arn);
            problems.take(checked.map_err(|error| error.of(name)));
        }
        problems.finish()?;
        let (Some(common), Some(role_arn), Some(policy)) = (common, role_arn, policy) else {
            unreachable!("a value is missing only after a problem was reported")
        };
        let role = AssumeRole {
            role_arn,
            duration,
            policy,
            policy_arns: self.policy_arns,
            session_name,
        };
        Ok(common.provider(Arc::new(role)))
    }

    /// The context, made of the SDK's configuration.
    pub(crate) async fn context(&self, problems: &mut Problems) -> Option<Context> {
        let sdk = match &self.sdk {
            Some(sdk) => sdk.clone(),
            None => problems.take(sdk_config::from_environment(&self.environment).await)?,
        };
        let cx = problems.take(Context::new(&sdk)).map(|cx| self.outfit(cx));
        if cx.is_none() {
            // `common` has no configuration to look at.
            problems.take(region::check_region(&sdk, self.region.as_ref()));
        }
        cx
    }

    pub(crate) fn required_audience(&self, problems: &mut Problems) -> Option<Audience> {
        self.required(
            problems,
            "audience",
            "TARGET_AUDIENCE",
            &self.audience,
            "it is the text that the role's trust policy tests as accounts.google.com:oaud",
        )
    }

    /// What is the same for all roles of the identity. Checks the Region, the source and the cache.
    pub(crate) async fn common(
        &self,
        problems: &mut Problems,
        cx: Option<Context>,
        audience: Option<Audience>,
    ) -> Option<Common> {
        let cx = cx?;
        let checked = region::check_region(cx.sdk(), self.region.as_ref());
        if problems.take(checked).is_none() && self.sdk.is_none() {
            let profile = sdk_config::profile_problem(&self.environment).await;
            profile
                .into_iter()
                .for_each(|problem| problems.add(problem));
        }
        let source = self
            .source
            .clone()
            .unwrap_or_else(|| Arc::new(ApplicationDefault::new()));
        let (checked, with) = (source.clone(), cx.clone());
        problems.take(check("token_source", move || checked.check(&with)).await);
        if let Some(cache) = self.cache.clone() {
            let cx = cx.clone();
            problems.take(check("session_cache", move || cache.check(&cx)).await);
        }
        Some(Common {
            sts: Sts::new(&cx, self.region.clone(), None),
            cx,
            audience: audience?,
            source,
            azp: Arc::default(),
            region: self.region.clone(),
            cache: self.cache.clone(),
            refresh_policy: self.refresh_policy.clone(),
            calendar: None,
        })
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

    fn variable(&self, problems: &mut Problems, name: &str) -> Option<String> {
        if !self.from_env {
            return None;
        }
        if self.environment.is_not_unicode(name) {
            let what = "is not UTF-8; set it anew, or unset it";
            problems.add(BuildError::new(name, what));
        }
        self.environment.get(name)
    }

    /// The value of the setter, else of its variable.
    fn optional<T: FromStr<Err = BuildError>>(
        &self,
        problems: &mut Problems,
        setter: &str,
        variable: &str,
        set: &Option<String>,
    ) -> Option<T> {
        let (name, text) = match set {
            Some(text) => (setter, text.clone()),
            None => (variable, self.variable(problems, variable)?),
        };
        problems.take(text.parse().map_err(|error: BuildError| error.of(name)))
    }

    fn required<T: FromStr<Err = BuildError>>(
        &self,
        problems: &mut Problems,
        setter: &str,
        variable: &str,
        set: &Option<String>,
        purpose: &str,
    ) -> Option<T> {
        let environment = &self.environment;
        let is_there =
            || environment.get(variable).is_some() || environment.is_not_unicode(variable);
        if set.is_none() && !(self.from_env && is_there()) {
            let name = if self.from_env { variable } else { setter };
            problems.add(BuildError::new(name, format!("is not set; {purpose}")));
            return None;
        }
        self.optional(problems, setter, variable, set)
    }
}

/// Runs a check off the runtime's thread: it may read files, and a dead network file system answers
/// late or never.
async fn check(
    setter: &str,
    check: impl FnOnce() -> Result<(), BuildError> + Send + 'static,
) -> Result<(), BuildError> {
    const LIMIT: Duration = Duration::from_secs(10);
    let checked = off_runtime(move || file::within(LIMIT, check)).await;
    checked.and_then(|checked| checked).unwrap_or_else(|error| {
        let what = format!("could not be checked within {} s", LIMIT.as_secs());
        Err(BuildError::new(setter, what).with_source(error))
    })
}

/// A text that is quoted already.
struct DebugText(String);

impl fmt::Debug for DebugText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Builder {
    /// Leaves out the `SdkConfig`, whose `Debug` shows the profile with its access keys. Nothing was
    /// checked yet: a name may be a key that was pasted in its place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| text.as_deref().map(|it| DebugText(shown(it)));
        f.debug_struct("Builder")
            .field("from_env", &self.from_env)
            .field("role_arn", &text(&self.role_arn))
            .field("audience", &text(&self.audience))
            .field("source", &self.source)
            .field("session_name", &text(&self.session_name))
            .field("session_length", &self.session_length)
            .field("policy", &self.policy)
            .field("policy_arns", &self.policy_arns)
            .field("region", &self.region)
            .field("refresh_policy", &self.refresh_policy)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

// Last, so that the documentation shows these setters after the others.
#[cfg(feature = "test-util")]
mod test_util;
