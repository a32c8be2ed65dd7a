//! The ID token of a request, and what STS verifies in it.

use super::xml::Refusal;
use crate::state::jwt::Jwt;
use crate::state::{ISSUER, State};
use aws_google_web_identity::trust_policy::ConditionKeys;
use serde_json::Value;

/// The clock skew that STS tolerates for `exp`, `iat` and `nbf`, in seconds.
///
/// This number and the texts below were observed in September 2026 and published with
/// [stackd](https://github.com/radkawar/stackd), in `internal/services/sts/testdata/oidc`.
const LEEWAY: i64 = 300;

/// Since July 2026 STS has one text for an unknown issuer and for a client id that the IAM OIDC
/// provider does not have.
const NOT_VALIDATED: &str = "The web identity token provided could not be validated. See the AssumeRoleWithWebIdentity documentation for requirements.";

/// What STS reads from a valid ID token.
pub(super) struct Token {
    pub(super) subject: String,
    /// `azp` if present, else `aud`.
    pub(super) authorized_party: String,
    pub(super) condition_keys: ConditionKeys,
}

impl Token {
    pub(super) fn verified(state: &State, compact: &str) -> Result<Self, Refusal> {
        let jwt = Jwt::parse(compact).ok_or_else(|| {
            Refusal::invalid_token(
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
            )
        })?;
        let issuer = required(&jwt, "iss")?;
        if issuer != ISSUER && Some(issuer) != ISSUER.strip_prefix("https://") {
            return Err(Refusal::invalid_token(NOT_VALIDATED));
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
        let authorized_party = azp.unwrap_or(audience);
        if !state.oidc_provider_admits(authorized_party) {
            return Err(Refusal::invalid_token(NOT_VALIDATED));
        }
        Ok(Self {
            subject: subject.to_owned(),
            authorized_party: authorized_party.to_owned(),
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
    let expires = time(jwt, "exp")?.ok_or_else(|| missing("exp"))?;
    // What STS reports as the current time includes the leeway.
    let earliest = now.saturating_sub(LEEWAY);
    if earliest >= expires {
        return Err(Refusal::new(
            400,
            "ExpiredTokenException",
            format!(
                "Token expired: current date/time {earliest} must be before the expiration date/time {expires}"
            ),
        ));
    }
    let latest = now.saturating_add(LEEWAY);
    let issued = time(jwt, "iat")?.ok_or_else(|| missing("iat"))?;
    if issued > latest {
        return Err(Refusal::invalid_token(format!(
            "Token issued in the future: {issued}"
        )));
    }
    match time(jwt, "nbf")? {
        Some(starts) if starts > latest => Err(Refusal::invalid_token(format!(
            "Token not yet valid: current date/time {latest} must be after or equal to the not-before date/time {starts}"
        ))),
        _ => Ok(()),
    }
}

/// A time in whole seconds, if the token has this claim. STS also takes it as text, and no
/// fraction.
fn time(jwt: &Jwt<'_>, claim: &str) -> Result<Option<i64>, Refusal> {
    let seconds = match jwt.claim(claim) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => jwt.seconds(claim),
    };
    match seconds {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Refusal::invalid_token("Invalid timestamp in token claims.")),
    }
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
