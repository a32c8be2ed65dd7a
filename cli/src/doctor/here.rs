//! What this machine has: the platform, the identity, the settings.

use super::check::{Check, NO_IDENTITY, Status};
use crate::arguments::Options;
use crate::failure::of_problem;
use crate::identity;
use crate::shown::shown_path;
use aws_google_web_identity::{
    BuildError, Context, DefaultIdentity, MetadataServer, Platform, RoleArn, Server,
    ServiceAccountEmail, Stage,
};

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
