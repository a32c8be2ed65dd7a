//! AWS STS:
//! [`AssumeRoleWithWebIdentity`](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html).

mod parameters;
mod xml;

use super::Service;
use super::reply::Reply;
use crate::call::Call;
use crate::request::{RecordedRequest, decoded_path};
use crate::state::issued::IssuedCredentials;
use crate::state::jwt::Jwt;
use crate::state::role::Role;
use crate::state::{ISSUER, State};
use aws_google_web_identity::trust_policy::ConditionKeys;
use http::StatusCode;
use http::request::Parts;
use parameters::Parameters;
use xml::{Refusal, Success};

/// AWS accepts a token for 5 minutes after its `exp`. In seconds.
const EXPIRY_LEEWAY: i64 = 300;

/// How far ahead `iat` and `nbf` may be, in seconds. AWS documents no number.
const START_LEEWAY: i64 = 300;

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

/// What STS reads from a valid ID token.
struct Token {
    subject: String,
    /// `azp` if present, else `aud`.
    authorized_party: String,
    condition_keys: ConditionKeys,
}

impl Token {
    fn verified(state: &State, compact: &str) -> Result<Self, Refusal> {
        let jwt = Jwt::parse(compact).ok_or_else(|| {
            Refusal::invalid_token(
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
            )
        })?;
        let issuer = required(&jwt, "iss")?;
        if issuer != ISSUER && Some(issuer) != ISSUER.strip_prefix("https://") {
            return Err(Refusal::invalid_token(format!(
                "No OpenIDConnect provider found in your account for {issuer}"
            )));
        }
        if !jwt.is_signed_by([&*state.google_key]) {
            return Err(Refusal::invalid_token(
                "The web identity token that was passed could not be validated by AWS. Token signature invalid",
            ));
        }
        check_times(&jwt, state.now())?;
        let subject = required(&jwt, "sub")?;
        let audience = required(&jwt, "aud")?;
        let azp = jwt.text("azp").filter(|azp| !azp.is_empty());
        Ok(Self {
            subject: subject.to_owned(),
            authorized_party: azp.unwrap_or(audience).to_owned(),
            condition_keys: condition_keys(&jwt, azp, audience, subject),
        })
    }
}

fn required<'j>(jwt: &'j Jwt<'_>, claim: &str) -> Result<&'j str, Refusal> {
    jwt.text(claim)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| missing(claim))
}

fn missing(claim: &str) -> Refusal {
    Refusal::invalid_token(format!("Missing a required claim: {claim}"))
}

fn check_times(jwt: &Jwt<'_>, now: i64) -> Result<(), Refusal> {
    let expires = jwt.seconds("exp").ok_or_else(|| missing("exp"))?;
    if now >= expires.saturating_add(EXPIRY_LEEWAY) {
        return Err(Refusal::new(
            400,
            "ExpiredTokenException",
            format!(
                "Token expired: current date/time {now} must be before the expiration date/time {expires}"
            ),
        ));
    }
    let starts = jwt.seconds("iat").ok_or_else(|| missing("iat"))?;
    let starts = starts.max(jwt.seconds("nbf").unwrap_or(starts));
    if starts > now.saturating_add(START_LEEWAY) {
        return Err(Refusal::invalid_token(format!(
            "Token is not yet valid: current date/time {now} must be after {starts}"
        )));
    }
    Ok(())
}

/// The [condition
/// keys](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif)
/// that AWS documents for Google.
fn condition_keys(
    jwt: &Jwt<'_>,
    azp: Option<&str>,
    audience: &str,
    subject: &str,
) -> ConditionKeys {
    let keys = ConditionKeys::from_claims(azp, audience, subject);
    let organization = jwt
        .claim("google")
        .and_then(|google| google.get("organization_number"))
        .filter(|number| number.is_number() || number.is_string());
    match organization {
        Some(number) => {
            let number = number.to_string();
            keys.with(
                "accounts.google.com:google/organization_number",
                number.trim_matches('"'),
            )
        }
        None => keys,
    }
}
