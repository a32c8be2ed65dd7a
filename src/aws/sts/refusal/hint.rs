//! What to do about a refusal. STS uses one code for several causes, so the message decides first
//! ([seen on real STS](https://github.com/radkawar/stackd), September 2026).

use crate::aws::trust_policy::ConditionKeys;
use crate::names::RoleArn;
use crate::redact::shown;
use crate::token::Claims;
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) const GOOGLE: &str = "https://accounts.google.com";

/// Clocks closer than this count as equal.
const SAME_TIME: u64 = 60;

/// STS reports its own time minus this allowance for an old token.
const ALLOWANCE: u64 = 300;

/// STS could not fetch the issuer's keys. It reports that with the code of an invalid token, but
/// the token is fine: the failure is temporary, and the same token is sent again.
pub(super) fn is_about_keys(message: &str) -> bool {
    message.starts_with("Couldn't retrieve verification key from your identity provider")
}

/// The hint for a refusal, if there is one. `now` is this machine's time.
pub(super) fn hint(
    code: Option<&str>,
    message: &str,
    role_arn: &RoleArn,
    claims: &Claims,
    now: SystemTime,
) -> Option<String> {
    let says = |text: &str| message.contains(text);
    if says("Token expired: current date/time") {
        return Some(expired(message, now));
    }
    let text = match code? {
        _ if is_about_keys(message) => {
            "AWS could not reach the issuer of the token for its keys; this is temporary"
        }
        _ if says("Token issued in the future") || says("Token not yet valid") => {
            "the token's times are ahead of STS's clock: the clock of the machine that issued it is wrong"
        }
        _ if says("not a valid JWT") => {
            "STS was sent something else than an ID token, such as an access token: the source must \
             provide an ID token"
        }
        _ if says("more than one audience") => {
            "a token with several audiences needs an azp claim: ask its issuer for one audience"
        }
        _ if says("Missing a required claim") => {
            "the token lacks a claim that STS needs: iss, sub, aud, exp and iat are required"
        }
        _ if says("Invalid timestamp in token claims") => {
            "exp, iat or nbf of the token is not a time that STS accepts"
        }
        _ if says("exceeds the MaxSessionDuration") => {
            "lower session_length or AWS_ROLE_DURATION_SECONDS, or raise the role's maximum with \
             `aws iam update-role --role-name NAME --max-session-duration SECONDS`"
        }
        "InvalidIdentityToken" | "AccessDenied" | "AccessDeniedException"
            if claims.iss != GOOGLE =>
        {
            return Some(foreign_issuer(role_arn, claims));
        }
        "InvalidIdentityToken" => return Some(explicit_provider(role_arn, claims)),
        "AccessDenied" | "AccessDeniedException" => {
            "the role's trust policy doesn't admit the token, or there is no such role. The policy's \
             conditions must match the keys above: :aud is the token's azp, :oaud the audience that \
             was asked for. The command `aws-google-web-identity doctor --trust-policy FILE`, or \
             trust_policy::TrustPolicy::judge, says which condition fails. A new role or policy takes \
             some seconds to spread"
        }
        "ExpiredTokenException" | "ExpiredToken" => {
            "a fresh token was refused as too old as well: is this machine's clock right?"
        }
        "IDPRejectedClaim" => "Google no longer accepts the token: was the account disabled?",
        "IDPCommunicationError" => "AWS could not reach Google; this is temporary",
        "ValidationError" => {
            "a parameter is out of the role's bounds: most often a session length above the role's \
             maximum"
        }
        "PackedPolicyTooLarge" | "MalformedPolicyDocument" => {
            "look at policy and policy_arns: session policies must be valid, and short once packed"
        }
        "RegionDisabledException" => {
            "STS is not active in this Region for the account: activate it, or set another Region"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

/// `Token expired: current date/time N must be before the expiration date/time M`
fn expired(message: &str, now: SystemTime) -> String {
    let reported: Option<u64> = message
        .split_once("current date/time ")
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok());
    let Some(reported) = reported else {
        return "the token is too old for STS: is this machine's clock right?".to_owned();
    };
    let ours = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let theirs = reported.saturating_add(ALLOWANCE);
    match ours.abs_diff(theirs) {
        ..=SAME_TIME => {
            "the token is too old although this machine's clock agrees with STS's: does \
                         its source hand out old tokens?"
                .to_owned()
        }
        apart => {
            let direction = if ours < theirs { "behind" } else { "ahead of" };
            format!("this machine's clock is {apart} s {direction} STS's: set it right")
        }
    }
}

/// The ARN of an IAM OIDC provider in the role's account and partition.
fn provider_arn(role_arn: &RoleArn, issuer: &str) -> String {
    let partition = role_arn.as_str().split(':').nth(1).unwrap_or("aws");
    let account = role_arn.account_id();
    format!("arn:{partition}:iam::{account}:oidc-provider/{issuer}")
}

/// A claim as an argument of a command that a user may paste into a shell. A claim of a token that
/// STS refused can be anything, so only one that no shell interprets is shown.
fn argument(claim: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._:/-".contains(&byte);
    match !claim.is_empty() && claim.len() <= 256 && claim.bytes().all(is_plain) {
        true => format!("'{claim}'"),
        false => "AZP (the token's azp)".to_owned(),
    }
}

/// Google is built into AWS. A well-formed Google token is refused where the account has an IAM
/// OIDC provider of its own for Google: STS then looks for the token's `azp` among its client ids.
fn explicit_provider(role_arn: &RoleArn, claims: &Claims) -> String {
    let provider = provider_arn(role_arn, "accounts.google.com");
    let azp = argument(claims.azp.as_deref().unwrap_or(&claims.aud));
    // The provider may serve other roles: the way that keeps it comes first.
    format!(
        "STS could not verify the token. The likely cause for a Google token is an IAM OIDC provider \
         for accounts.google.com in the account, which does not list the token's azp. Add the azp: \
         `aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {provider} \
         --client-id {azp}`; or, if no other role needs the provider, delete it: `aws iam \
         delete-open-id-connect-provider --open-id-connect-provider-arn {provider}`"
    )
}

/// AWS has no built-in provider for other issuers, such as a GKE cluster's own.
fn foreign_issuer(role_arn: &RoleArn, claims: &Claims) -> String {
    let keys: ConditionKeys = claims.aws_condition_keys();
    let issuer = keys.issuer();
    format!(
        "the token is from {}, not from Google: the account needs an IAM OIDC provider for that \
         issuer, and the role's trust policy the principal {} and conditions on \
         {issuer}:sub and {issuer}:aud",
        shown(&claims.iss),
        provider_arn(role_arn, issuer),
    )
}

#[cfg(test)]
mod tests;
