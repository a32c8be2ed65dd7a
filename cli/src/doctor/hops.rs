//! The hops of the exchange: platform, identity, token, trust policy, STS, the identity at AWS.

use super::check::{Check, Status};
use crate::arguments::Options;
use crate::failure::{Failure, of_problem, one_line, renamed};
use crate::identity;
use crate::trust_policy::{self, Document, shown_path};
use aws_google_web_identity::ServiceAccountEmail;
use aws_google_web_identity::trust_policy::ConditionKeys;
use aws_google_web_identity::{
    BuildError, Context, DefaultIdentity, Error, ErrorKind, IdToken, MetadataServer, Platform,
    RoleArn, Server, Stage,
};
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

pub(super) fn platform(cx: &Context) -> Check {
    const TITLE: &str = "Platform";
    let found = match Platform::of(cx) {
        Platform::Unclear(sign) => format!("unclear: {sign}. Only a metadata server can tell"),
        platform => platform.to_string(),
    };
    Check::new("platform", TITLE, Status::Ok, found)
}

/// Which identity it is, and which servers make its token.
pub(super) fn identity(options: &Options, cx: &Context) -> (Check, Vec<Server>) {
    const CHECK: &str = "identity";
    const TITLE: &str = "Identity";
    let ok = |found: String| Check::new(CHECK, TITLE, Status::Ok, found);
    let failed = |error: BuildError| {
        let found: Vec<_> = error.problems().iter().map(of_problem).collect();
        Check::new(CHECK, TITLE, Status::Failed, found.join("; ")).advise(
            "name another identity, for example with --credentials-file, or correct this one",
        )
    };
    let iam = || Server::new(Stage::Iam, identity::iam_origin());
    let acting = |found: &str| match &options.impersonate {
        Some(account) => {
            let account = account.rsplit(',').next().unwrap_or_default().trim();
            match account.parse::<ServiceAccountEmail>() {
                Ok(account) => format!("{found}, which impersonates {}", account.as_str()),
                // The problem of the settings says more. The text may be a secret.
                Err(_) => format!("{found}, which impersonates an account with an invalid name"),
            }
        }
        None => found.to_owned(),
    };
    if options.gcloud {
        let servers = iam().into_iter().filter(|_| options.impersonate.is_some());
        return (
            ok(acting("the account that gcloud is logged in as")),
            servers.collect(),
        );
    }
    if let Some(path) = &options.token_file {
        let found = format!("the ID token in {}", shown_path(path));
        return (ok(found), Vec::new());
    }
    if options.metadata_server {
        return match MetadataServer::new().server(cx) {
            Ok(server) => {
                let iam = iam().into_iter().filter(|_| options.impersonate.is_some());
                let found = acting("the account attached to this machine");
                (ok(found), [server].into_iter().chain(iam).collect())
            }
            Err(error) => (failed(error), Vec::new()),
        };
    }
    match identity::application_default(options, options.impersonate.as_deref()).identify(cx) {
        Ok(found) => of_application_default(&found, cx),
        Err(error) => (failed(error), Vec::new()),
    }
}

fn of_application_default(found: &DefaultIdentity, cx: &Context) -> (Check, Vec<Server>) {
    let place = found.place();
    let is_elsewhere = matches!(Platform::of(cx), Platform::Elsewhere(_));
    let (status, what) = match found.file_type() {
        Some(file_type) => (Status::Ok, format!("{file_type} in {place}")),
        None if is_elsewhere => {
            let looked = place.strip_prefix("the metadata server: ");
            (Status::Failed, format!("none: {}", looked.unwrap_or(place)))
        }
        None => (Status::Ok, place.to_owned()),
    };
    let check = Check::new("identity", "Identity", status, what);
    if status == Status::Failed {
        return (check.advise(NO_IDENTITY), Vec::new());
    }
    let check = match found.account() {
        Some(account) => check.detail("account", account),
        None => check,
    };
    (check, found.servers().to_vec())
}

const NO_IDENTITY: &str = "outside Google Cloud, name a credentials file with \
    GOOGLE_APPLICATION_CREDENTIALS, or another identity with --gcloud or --token-file. On Google Cloud, \
    set GCE_METADATA_HOST=metadata.google.internal";

/// The settings of AWS's half, and their problems.
pub(super) fn settings(problems: Vec<String>, role: Option<&RoleArn>, sts: &str) -> Check {
    const CHECK: &str = "settings";
    const TITLE: &str = "Settings";
    let found = match problems.len() {
        0 => match role {
            Some(role) => format!("role {role}, STS at {sts}"),
            None => format!("STS at {sts}"),
        },
        1 => "1 problem".to_owned(),
        count => format!("{count} problems"),
    };
    let status = if problems.is_empty() {
        Status::Ok
    } else {
        Status::Failed
    };
    let check = Check::new(CHECK, TITLE, status, found);
    problems.into_iter().fold(check, Check::advise)
}

/// The claims of the token as condition keys.
pub(super) fn token(cx: &Context, token: &Result<IdToken, Error>) -> Check {
    const CHECK: &str = "token";
    const TITLE: &str = "ID token";
    let token = match token {
        Ok(token) => token,
        Err(error) => return of_error(CHECK, TITLE, error),
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
        Err(failure) => return of_failure(CHECK, TITLE, &failure),
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
        let found = "the file's policy does not admit the token";
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
    let mut check = of_error("sts", SESSION, error);
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
            "the role's trust policy does not admit the keys above, or there is no such role. {again} To \
             see which condition fails, write the policy to a file and name that with --trust-policy: {}",
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
            let mut check = of_error(CHECK, TITLE, error);
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

/// An error of the library: what happened, the table, what to do.
fn of_error(check: &'static str, title: &str, error: &Error) -> Check {
    let mut causes = causes(error);
    let mut found = renamed(&error.to_string());
    if error.message().is_none() && !causes.is_empty() {
        found = format!("{found}: {}", renamed(&causes.remove(0)));
    }
    let mut check = Check::new(check, title, Status::Failed, found);
    check.code = error.code().map(str::to_owned);
    check.request_id = error.request_id().map(str::to_owned);
    for (label, value) in error.details() {
        check = check.detail(label, renamed(value));
    }
    if let Some(cause) = causes.last() {
        check = check.detail("cause", cause.clone());
    }
    match error.hint() {
        _ if error.kind() == ErrorKind::NotConfigured => check.advise(NO_IDENTITY),
        // A space at the end of a line goes on on the next one.
        Some(hint) => {
            let hint = renamed(hint).replace(" \n", " ");
            hint.lines().fold(check, Check::advise)
        }
        None => check,
    }
}

/// The causes, from the outermost. A cause often repeats the one above it, at greater length or in
/// the same words.
fn causes(error: &Error) -> Vec<String> {
    use std::error::Error as _;
    let mut causes: Vec<_> = std::iter::successors(error.source(), |&error| error.source())
        .map(|cause| one_line(&cause.to_string()))
        .collect();
    causes.dedup_by(|cause, above| above.contains(cause.as_str()));
    causes
}

fn of_failure(check: &'static str, title: &str, failure: &Failure) -> Check {
    let found = Check::new(check, title, Status::Failed, failure.line());
    let explanation = failure.explanation().iter();
    explanation.cloned().fold(found, Check::advise)
}
