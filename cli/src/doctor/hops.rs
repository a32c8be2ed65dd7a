//! The hops of the exchange: the token, the trust policy, STS, the identity at AWS.

use super::check::{Check, Status};
use crate::trust_policy::{self, Document};
use aws_google_web_identity::trust_policy::{ConditionKeys, Reason};
use aws_google_web_identity::{Context, Error, IdToken, RoleArn};
use std::path::Path;
use std::time::Duration;

/// Codes of servers that do not know GetCallerIdentity.
const UNKNOWN_CALL: [&str; 6] = [
    "InvalidAction",
    "UnknownOperationException",
    "UnsupportedOperation",
    "NotImplemented",
    "MethodNotAllowed",
    "NoSuchAction",
];

/// The claims of the token as condition keys.
pub(super) fn token(cx: &Context, token: &Result<IdToken, Error>) -> Check {
    const CHECK: &str = "token";
    const TITLE: &str = "ID token";
    let token = match token {
        Ok(token) => token,
        Err(error) => return Check::of_error(CHECK, TITLE, error),
    };
    let keys = token.claims().aws_condition_keys();
    let check = match token.expires_at().duration_since(cx.now()) {
        Ok(left) => {
            let found = format!("{} left; what AWS reads in it:", minutes(left));
            Check::new(CHECK, TITLE, Status::Ok, found)
        }
        Err(since) => {
            let found = format!(
                "it expired {} ago; what AWS reads in it:",
                minutes(since.duration())
            );
            Check::new(CHECK, TITLE, Status::Failed, found).advise(
                "have the program that writes the token write a fresh one; if the token is fresh, this \
                 machine's clock is wrong",
            )
        }
    };
    let check = keys.iter().fold(check, |check, (key, values)| {
        check.detail(printable(key), printable(&values.join(" or ")))
    });
    match token.claims().iss.as_str() {
        "https://accounts.google.com" | "accounts.google.com" => check,
        issuer => {
            let mut check = check.detail("issuer", printable(issuer)).advise(
                "the token is not from Google itself: the account needs an IAM OIDC provider for this \
                 issuer",
            );
            if check.status == Status::Ok {
                check.status = Status::Warning;
            }
            check
        }
    }
}

fn minutes(length: Duration) -> String {
    format!("{} min", length.as_secs().div_ceil(60))
}

/// A foreign text on one line, bounded.
fn printable(text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control()).take(400).collect();
    text
}

/// The policy in the file, judged.
pub(super) fn trust_policy(
    path: &Path,
    keys: Result<&ConditionKeys, &str>,
    role: Option<&RoleArn>,
) -> Check {
    const CHECK: &str = "trust_policy";
    const TITLE: &str = "Trust policy";
    let policy = match trust_policy::read(path) {
        Ok(policy) => policy,
        Err(failure) => return Check::of_failure(CHECK, TITLE, &failure),
    };
    let keys = match keys {
        Ok(keys) => keys,
        Err(why) => return Check::skipped(CHECK, TITLE, why),
    };
    let verdict = policy.judge(keys);
    let check = if verdict.is_admitted() {
        Check::new(
            CHECK,
            TITLE,
            Status::Ok,
            "the file's policy admits the token",
        )
    } else {
        let is_unknown = verdict.reasons().iter().any(Reason::is_unknown);
        let found = match is_unknown {
            true => "it is unknown whether the file's policy admits the token",
            false => "the file's policy does not admit the token",
        };
        let mut check = Check::new(CHECK, TITLE, Status::Failed, found);
        check.reasons = verdict.reasons().iter().map(ToString::to_string).collect();
        check.admitting_policy = Document::admitting(keys, role).ok();
        check
    };
    let warnings = trust_policy::too_wide(&policy, keys);
    warnings.into_iter().fold(check, |mut check, warning| {
        if check.status == Status::Ok {
            check.status = Status::Warning;
        }
        check.advise(warning)
    })
}

/// The title of the exchange at STS.
pub(super) const SESSION: &str = "Role session";

/// What STS said. `judged` is the verdict of the trust policy, if one was given.
pub(super) fn sts(error: &Error, role: Option<&RoleArn>, judged: Option<Status>) -> Check {
    let mut check = Check::of_error("sts", SESSION, error);
    // The token's check has shown the keys, and the message names the role.
    check
        .details
        .retain(|(label, _)| !label.contains(':') && label != "role");
    let is_denied = matches!(error.code(), Some("AccessDenied" | "AccessDeniedException"));
    if !is_denied {
        return check;
    }
    let name = role.map_or("NAME", |role| {
        role.as_str().rsplit('/').next().unwrap_or_default()
    });
    let read =
        format!("`aws iam get-role --role-name {name} --query Role.AssumeRolePolicyDocument`");
    let again = "A role or policy that was just made takes some seconds to spread.";
    check.advice = match judged {
        Some(Status::Failed) => vec![format!(
            "in the role's policy, put the statement above in place of the one that was meant for this \
             identity, or add it: `aws iam update-assume-role-policy --role-name {name} \
             --policy-document file://trust.json`"
        )],
        Some(_) => vec![format!(
            "the policy in the file admits the token, so the role has another policy, or there is no such \
             role. Compare: {read} {again}"
        )],
        None => vec![format!(
            "the role's trust policy does not admit the keys above, or there is no such role. {again} \
             `aws-google-web-identity trust-policy` prints a policy that admits them. To see which \
             condition fails, write the policy to a file and name that with --trust-policy: {}",
            read.replacen("Document`", "Document > trust.json`", 1)
        )],
    };
    check
}

/// Whether AWS knows the credentials. The flag says whether they work.
pub(super) fn caller_identity(answer: &Result<String, Error>) -> (Check, bool) {
    const CHECK: &str = "caller_identity";
    const TITLE: &str = "GetCallerIdentity";
    match answer {
        Ok(arn) => (Check::new(CHECK, TITLE, Status::Ok, arn), true),
        Err(error)
            if error
                .code()
                .is_some_and(|code| UNKNOWN_CALL.contains(&code)) =>
        {
            let why = "the server does not have this call; AWS's own has";
            (Check::skipped(CHECK, TITLE, why), true)
        }
        Err(error) => {
            let mut check = Check::of_error(CHECK, TITLE, error);
            if check.advice.is_empty() {
                check = check.advise(match error.code() {
                    Some("SignatureDoesNotMatch" | "RequestExpired") => {
                        "the request's signature depends on the time: set this machine's clock"
                    }
                    Some("InvalidClientTokenId") => {
                        "the credentials are not known at this endpoint: does AWS_ENDPOINT_URL_STS, or the \
                         Region, belong to another partition?"
                    }
                    _ => "run it again with -vv for the details",
                });
            }
            (check, false)
        }
    }
}
