//! The call of STS: an ID token for a role session
//! ([AssumeRoleWithWebIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html)).

mod call;
mod caller_identity;
mod pace;
mod paced_retries;
mod refusal;

use crate::aws::session::Session;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::names::{RoleArn, SessionName};
use crate::refresh::Deadline;
use crate::token::IdToken;
use crate::transport::{LastAnswer, MAX_RETRY_AFTER, Received};
use aws_sdk_sts::Client;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityOutput;
use aws_sdk_sts::types::PolicyDescriptorType;
use aws_types::region::Region;
use call::WatchedCall;
pub(crate) use pace::Pace;
use paced_retries::PacedRetries;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

/// The length of a session when the request names none.
const DEFAULT_SESSION: Duration = Duration::from_secs(3600);

/// The client. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sts {
    lazy: Arc<LazyClient>,
    /// For messages.
    region: Arc<str>,
    /// Present when many roles share the client.
    pace: Option<Arc<Pace>>,
}

/// The SDK's client, made by the first call: the SDK then parses its table of Regions, which takes
/// longer than reading a session from a cache.
struct LazyClient {
    config: aws_sdk_sts::config::Builder,
    client: OnceLock<Client>,
}

/// A role and how to assume it: the parameters that are the same for every call, and that make its
/// session differ from other sessions of the same identity.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct AssumeRole {
    pub(crate) role_arn: RoleArn,
    pub(crate) duration: Option<Duration>,
    pub(crate) policy: Option<String>,
    pub(crate) policy_arns: Vec<String>,
    /// Made of the place and the identity if it is not set.
    pub(crate) session_name: Option<SessionName>,
}

impl Sts {
    pub(crate) fn new(cx: &Context, region: Option<Region>, pace: Option<Pace>) -> Self {
        let mut config = aws_sdk_sts::config::Builder::from(cx.sdk());
        // The token authenticates the call, which is not signed.
        config.set_credentials_provider(None);
        let region = region.or_else(|| cx.sdk().region().cloned());
        let name = region.as_ref().map_or("none", |region| region.as_ref());
        let name = Arc::from(name);
        if region.is_some() {
            config = config.region(region);
        }
        let mut config = cx.transport().outfit(config);
        if pace.is_some() {
            config = config.retry_classifier(PacedRetries);
        }
        let client = OnceLock::new();
        Self {
            lazy: Arc::new(LazyClient { config, client }),
            region: name,
            pace: pace.map(Arc::new),
        }
    }

    fn client(&self) -> &Client {
        let LazyClient { config, client } = &*self.lazy;
        client.get_or_init(|| Client::from_conf(config.clone().build()))
    }

    /// Assumes the role with the token. With a pace, it waits for its turn, and for another one
    /// after STS throttled it, as long as `deadline` allows.
    ///
    /// The caller applies the deadline to the call itself.
    pub(crate) async fn assume_role(
        &self,
        cx: &Context,
        role: &AssumeRole,
        token: &IdToken,
        session_name: &SessionName,
        deadline: &Deadline,
    ) -> Result<Session, Error> {
        let Some(pace) = &self.pace else {
            return self.call(cx, role, token, session_name).await;
        };
        let (mut throttled, mut refusal) = (0, None::<Error>);
        loop {
            let turn = match pace.turn(deadline, throttled).await {
                Ok(turn) => turn,
                Err(error) => {
                    let error = error.with_detail("role", role.role_arn.as_str());
                    return Err(match refusal {
                        Some(refusal) => error.with_source(refusal),
                        None => error,
                    });
                }
            };
            // Boxed, because thousands of roles may wait for their turns, and the SDK's future is
            // large.
            let result = Box::pin(self.call(cx, role, token, session_name)).await;
            match result {
                Err(error) if error.kind() == ErrorKind::Throttled => {
                    let pause = error.retry_after();
                    turn.throttled(pause.filter(|pause| *pause <= MAX_RETRY_AFTER));
                    // The refresher keeps to a longer pause, which may be for this role alone.
                    if pause.is_some_and(|pause| pause > MAX_RETRY_AFTER) {
                        return Err(error);
                    }
                    throttled += 1;
                    refusal = Some(error);
                }
                Ok(session) => {
                    turn.answered();
                    return Ok(session);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn call(
        &self,
        cx: &Context,
        role: &AssumeRole,
        token: &IdToken,
        session_name: &SessionName,
    ) -> Result<Session, Error> {
        let AssumeRole {
            role_arn,
            duration,
            policy,
            policy_arns,
            session_name: _,
        } = role;
        let watched = WatchedCall::new(cx, token.expose());
        let last_answer = LastAnswer::default();
        let mut call = self
            .client()
            .assume_role_with_web_identity()
            .role_arn(role_arn.as_str())
            .role_session_name(session_name.as_str())
            .web_identity_token(token.expose())
            .set_policy(policy.clone())
            .set_duration_seconds(
                duration.map(|duration| i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)),
            );
        for arn in policy_arns {
            call = call.policy_arns(PolicyDescriptorType::builder().arn(arn).build());
        }
        let output = call
            .customize()
            .interceptor(watched.clone())
            .interceptor(last_answer.clone())
            .send()
            .await
            .map_err(|error| {
                let endpoint = watched.endpoint();
                let refused =
                    refusal::error(&error, &last_answer, role_arn, token, endpoint, cx.now());
                if error.raw_response().is_some() {
                    return refused;
                }
                let refused = refused.with_detail("Region", &self.region);
                match cx.transport().proxy_hint(&error) {
                    Some(hint) => refused.and_hint(&hint),
                    None => refused,
                }
            })?;
        let asked_for = duration.unwrap_or(DEFAULT_SESSION);
        session(output, role_arn, asked_for, &watched.received())
    }
}

impl fmt::Debug for Sts {
    /// Leaves out the client, whose `Debug` shows the whole configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sts")
            .field("region", &self.region)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}

/// The session in STS's answer, with its expiry by this machine's clock.
fn session(
    output: AssumeRoleWithWebIdentityOutput,
    role_arn: &RoleArn,
    asked_for: Duration,
    received: &Received,
) -> Result<Session, Error> {
    let malformed = |what: &str| {
        Error::from_message(
            Stage::Sts,
            ErrorKind::MalformedResponse,
            format!("the answer for {role_arn} has no {what}"),
        )
    };
    let assumed = output.assumed_role_user().map(|user| user.arn().to_owned());
    let credentials = output.credentials.ok_or_else(|| malformed("credentials"))?;
    let expiration =
        SystemTime::try_from(credentials.expiration).map_err(|_| malformed("valid expiration"))?;
    for (what, text) in [
        ("AccessKeyId", &credentials.access_key_id),
        ("SecretAccessKey", &credentials.secret_access_key),
        ("SessionToken", &credentials.session_token),
    ] {
        if text.is_empty() {
            return Err(malformed(what));
        }
    }
    // Some servers other than AWS send no AssumedRoleUser, or have no accounts at all.
    let of_session = assumed.as_deref().and_then(|arn| arn.split(':').nth(4));
    let account = [of_session.unwrap_or_default(), role_arn.account_id()]
        .into_iter()
        .find(|account| !account.is_empty())
        .map(str::to_owned);
    // STS makes no session longer than was asked for: a longer one only seems so, because a clock
    // or the `Date` header is wrong.
    let expires_at = received.local_expiry(expiration, asked_for);
    let latest = received.at.checked_add(asked_for).unwrap_or(expires_at);
    Ok(Session::new(
        credentials,
        account,
        expires_at.min(latest),
        assumed,
    ))
}
