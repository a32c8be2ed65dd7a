//! AWS STS:
//! [`AssumeRoleWithWebIdentity`](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html).

mod parameters;
mod token;
mod xml;

use super::Service;
use super::reply::Reply;
use crate::call::Call;
use crate::request::{RecordedRequest, decoded_path};
use crate::state::State;
use crate::state::issued::IssuedCredentials;
use crate::state::role::Role;
use aws_google_web_identity::trust_policy::ConditionKeys;
use http::StatusCode;
use http::request::Parts;
use parameters::Parameters;
use token::Token;
use xml::{Refusal, Success};

pub(crate) const NAME: &str = "sts";

pub(super) const SERVICE: Service = Service {
    name: NAME,
    calls: &[Call::Sts],
    call,
    answer,
    headers: &[],
};

fn call(head: &Parts) -> Call {
    match decoded_path(&head.uri).as_str() {
        "/" => Call::Sts,
        _ => Call::Other,
    }
}

fn answer(state: &State, request: &RecordedRequest) -> Reply {
    if request.call() == Call::Other {
        return Reply::not_found();
    }
    let outcome = Parameters::of(request).and_then(|parameters| assume(state, &parameters));
    match outcome {
        Ok(success) => success.into_reply(),
        Err(refusal) => refusal.into_reply(),
    }
}

/// An error in the format of STS.
pub(crate) fn error(status: StatusCode, code: &str, message: &str) -> Reply {
    Refusal::new(status.as_u16(), code, message).into_reply()
}

fn assume(state: &State, parameters: &Parameters) -> Result<Success, Refusal> {
    let token = Token::verified(state, &parameters.token)?;
    let session = ("sts:RoleSessionName", parameters.session_name.as_str());
    let keys = token.condition_keys.with(session.0, session.1);
    let role = admitting_role(state, &parameters.role_arn, &keys)?;
    let seconds = parameters.duration.unwrap_or(DEFAULT_SECONDS);
    if seconds > role.max_seconds() {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let expires = state.now().saturating_add(seconds);
    let credentials = IssuedCredentials::new(&role.arn, &parameters.session_name, expires);
    state.issue(credentials.clone());
    Ok(Success {
        assumed_arn: role.assumed_arn(&parameters.session_name),
        assumed_id: role.assumed_id(&parameters.session_name),
        credentials,
        subject: token.subject,
        audience: token.authorized_party,
        packed_policy_size: parameters.packed_policy_size(),
    })
}

const DEFAULT_SECONDS: i64 = 3600;

/// The role, if its trust policy admits the token. AWS answers in the same way for a role that does
/// not exist.
fn admitting_role(state: &State, arn: &str, keys: &ConditionKeys) -> Result<Role, Refusal> {
    state
        .role(arn)
        .filter(|role| {
            let verdict = role.policy.as_ref().map(|policy| policy.judge(keys));
            // AWS never says why. The emulator logs it: the policy may use a key it does not know.
            if let Some(verdict) = verdict.as_ref().filter(|it| !it.is_admitted()) {
                tracing::debug!(role = arn, "{verdict}");
            }
            verdict.is_some_and(|it| it.is_admitted())
        })
        .ok_or_else(|| {
            Refusal::new(
                403,
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            )
        })
}
