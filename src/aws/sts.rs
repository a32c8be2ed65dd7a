//! An ID token for AWS credentials
//! ([AssumeRoleWithWebIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html)).

mod refusal;

use crate::aws::session::Session;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::names::{RoleArn, SessionName};
use crate::redact::{opaque, scrubbed};
use crate::token::IdToken;
use crate::transport::{LastAnswer, Received};
use aws_sdk_sts::Client;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityOutput;
use aws_sdk_sts::types::PolicyDescriptorType;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextMut,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_types::region::Region;
use bytes::Bytes;
pub(crate) use refusal::{Refusal, blames_token};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// STS gives no session longer than this.
const MAX_SESSION: Duration = Duration::from_secs(43_200);

/// The role, how it is to be assumed, and the client for it.
pub(crate) struct Sts {
    client: Client,
    /// For messages.
    region: String,
    request: AssumeRole,
}

/// What is asked of STS, but for the token.
#[derive(Debug)]
pub(crate) struct AssumeRole {
    pub(crate) role_arn: RoleArn,
    pub(crate) duration: Option<Duration>,
    pub(crate) policy: Option<String>,
    pub(crate) policy_arns: Vec<String>,
}

impl Sts {
    pub(crate) fn new(cx: &Context, region: Option<Region>, request: AssumeRole) -> Self {
        let mut config = aws_sdk_sts::config::Builder::from(cx.sdk());
        // The call isn't signed: the token is the proof.
        config.set_credentials_provider(None);
        let region = region.or_else(|| cx.sdk().region().cloned());
        let name = region.as_ref().map_or("none", |region| region.as_ref());
        let name = name.to_owned();
        if region.is_some() {
            config = config.region(region);
        }
        let config = cx.transport().outfit(config).build();
        Self {
            client: Client::from_conf(config),
            region: name,
            request,
        }
    }

    /// Assumes the role with the token.
    pub(crate) async fn assume_role(
        &self,
        cx: &Context,
        token: &IdToken,
        session_name: &SessionName,
    ) -> Result<Session, Refusal> {
        let AssumeRole {
            role_arn,
            duration,
            policy,
            policy_arns,
        } = &self.request;
        let arrival = Arrival::new(cx, token);
        let last_answer = LastAnswer::default();
        let mut call = self
            .client
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
            .interceptor(arrival.clone())
            .interceptor(last_answer.clone())
            .send()
            .await
            .map_err(|error| {
                let mut refusal = Refusal::new(&error, &last_answer, role_arn, token);
                if error.raw_response().is_none() {
                    let region = format!("Region {}", self.region);
                    refusal.error = refusal.error.and_hint(&region);
                    if let Some(hint) = cx.transport().proxy_hint(&error) {
                        refusal.error = refusal.error.and_hint(&hint);
                    }
                }
                refusal
            })?;
        session(output, role_arn, &arrival.take()).map_err(|error| Refusal {
            error,
            fresh_token_may_help: false,
        })
    }
}

impl fmt::Debug for Sts {
    /// Without the client, which shows its whole configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sts").field(&self.request).finish()
    }
}

fn session(
    output: AssumeRoleWithWebIdentityOutput,
    role_arn: &RoleArn,
    received: &Received,
) -> Result<Session, Error> {
    let malformed = |what: &str| {
        Error::message(
            Stage::Sts,
            ErrorKind::MalformedResponse,
            format!("the answer for {role_arn} has no {what}"),
        )
    };
    let assumed = output.assumed_role_user().map(|user| user.arn().to_owned());
    let credentials = output.credentials.ok_or_else(|| malformed("credentials"))?;
    let expiration = SystemTime::try_from(credentials.expiration)
        .map_err(|_| malformed("expiration that is a time"))?;
    for (what, text) in [
        ("AccessKeyId", &credentials.access_key_id),
        ("SecretAccessKey", &credentials.secret_access_key),
        ("SessionToken", &credentials.session_token),
    ] {
        if text.is_empty() {
            return Err(malformed(what));
        }
    }
    // Some servers send no AssumedRoleUser; the role's account is the session's.
    let account = assumed
        .as_deref()
        .and_then(|arn| arn.split(':').nth(4))
        .filter(|account| !account.is_empty())
        .unwrap_or_else(|| role_arn.account_id())
        .to_owned();
    Ok(Session::new(
        credentials,
        account,
        received.local_expiry(expiration, MAX_SESSION),
        assumed,
    ))
}

/// Hides the request from the SDK's eyes; notes when the answer came, and the server's time; blanks the token out of a
/// refusal.
#[derive(Clone, Debug)]
struct Arrival {
    cx: Context,
    token: IdToken,
    received: Arc<Mutex<Received>>,
}

impl Arrival {
    fn new(cx: &Context, token: &IdToken) -> Self {
        let received = Received::new(cx.now(), None);
        Self {
            cx: cx.clone(),
            token: token.clone(),
            received: Arc::new(Mutex::new(received)),
        }
    }

    fn take(&self) -> Received {
        *self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Arrival {
    fn name(&self) -> &'static str {
        "Arrival"
    }

    /// Before anything prints the request.
    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request_mut().body_mut();
        if let Some(form) = body.bytes().map(Bytes::copy_from_slice) {
            *body = opaque(form);
        }
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let received = Received::new(self.cx.now(), response.headers().get("date"));
        *self.received.lock().unwrap_or_else(PoisonError::into_inner) = received;
        // The session token of an answer may be a JWT too, and have much in common with ours.
        if !response.status().is_success() {
            let body = response.body_mut();
            *body = scrubbed(
                std::mem::replace(body, SdkBody::taken()),
                self.token.expose(),
            );
        }
        Ok(())
    }
}
