//! `trust-policy`: prints the trust policy that admits this identity, or checks one.

mod breadth;
mod document;

pub(crate) use breadth::too_wide;
pub(crate) use document::Document;

use crate::arguments::{Format, Options, TrustPolicy as Arguments};
use crate::failure::{Failure, print_out};
use crate::identity;
use crate::shown::shown_path;
use aws_google_web_identity::trust_policy::{ConditionKeys, Reason, TrustPolicy};
use aws_google_web_identity::{Audience, Context, ProvideIdToken as _, RoleArn};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_types::SdkConfig;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// No trust policy of IAM comes near it. The parser refuses more than 64 KiB.
const MAX_FILE: u64 = 1 << 20;

pub(crate) async fn run(options: &Options, arguments: &Arguments) -> Result<ExitCode, Failure> {
    // Before a token is asked for: a file that can't be read needs none.
    let checked = arguments.check.as_deref().map(read).transpose()?;
    let keys = keys(options, arguments).await?;
    match checked {
        Some(policy) => check(&policy, &keys),
        None => {
            print(&keys, arguments.format, role_arn(options).as_ref())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn print(keys: &ConditionKeys, format: Format, role: Option<&RoleArn>) -> Result<(), Failure> {
    let document = Document::admitting(keys, role)?;
    if document.lacks_account() {
        warn("put the id of the AWS account in place of ACCOUNT, or name the role with --role-arn");
    }
    let text = match format {
        Format::Json => document.to_string(),
        Format::Terraform => document.to_terraform(),
    };
    print_out(format!("{text}\n").as_bytes())
}

fn check(policy: &TrustPolicy, keys: &ConditionKeys) -> Result<ExitCode, Failure> {
    let verdict = policy.judge(keys);
    let is_unknown = verdict.reasons().iter().any(Reason::is_unknown);
    let mut text = match verdict.is_admitted() {
        true => "The policy admits this identity.\n".to_owned(),
        false if is_unknown => {
            "It is unknown whether the policy admits this identity:\n".to_owned()
        }
        false => "The policy does not admit this identity:\n".to_owned(),
    };
    for reason in verdict.reasons() {
        text += &format!("- {reason}\n");
    }
    text += "\nThe identity, as AWS sees it:\n";
    for line in format!("{keys:#}").lines() {
        text += &format!("  {line}\n");
    }
    if !verdict.is_admitted() {
        text += "\nThe same command without --check prints a policy that admits it.\n";
    }
    print_out(text.as_bytes())?;
    for warning in too_wide(policy, keys) {
        warn(&warning);
    }
    if is_unknown {
        warn("what is unknown above may admit others as well");
    }
    Ok(match verdict.is_admitted() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn warn(text: &str) {
    // Nobody can be told that standard error is closed; `eprintln` would panic.
    let _ = writeln!(std::io::stderr(), "warning: {text}");
}

/// Reads a trust policy from a file.
pub(crate) fn read(path: &Path) -> Result<TrustPolicy, Failure> {
    let name = shown_path(path);
    let mut text = String::new();
    crate::input::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
        .map_err(|error| Failure::io(&format!("the trust policy {name}"), &error))?;
    let policy = text.trim_start_matches('\u{feff}').parse::<TrustPolicy>();
    policy.map_err(|error| {
        let failure = Failure::new(format!("{name}: {error}"));
        match text.contains("AssumeRolePolicyDocument") {
            true => failure.with_explanation(
                "the file holds the whole role; `aws iam get-role --role-name NAME --query \
                 Role.AssumeRolePolicyDocument` prints the policy alone",
            ),
            false => failure,
        }
    })
}

/// The condition keys of `--sub`, without any call, or of a token that is asked for.
async fn keys(options: &Options, arguments: &Arguments) -> Result<ConditionKeys, Failure> {
    let audience = audience(options)?;
    if let Some(sub) = &arguments.sub {
        let is_id = (1..=255).contains(&sub.len()) && sub.bytes().all(|it| it.is_ascii_digit());
        if !is_id {
            return Err(Failure::usage("--sub is not a unique id, which is a number").with_explanation(
                "`gcloud iam service-accounts describe EMAIL --format='value(uniqueId)'` prints the id \
                 of a service account",
            ));
        }
        // From the metadata server and IAM, `azp` is the unique id as well.
        return Ok(ConditionKeys::from_claims(
            Some(sub),
            audience.as_str(),
            sub,
        ));
    }
    let source = identity::source(options);
    let context = context()?;
    source.check(&context)?;
    let token = source.provide_id_token(&context, &audience).await?;
    Ok(token.claims().aws_condition_keys())
}

/// A context for a source alone: it needs no Region.
pub(crate) fn context() -> Result<Context, Failure> {
    let config = SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .sleep_impl(TokioSleep::new())
        .build();
    Ok(Context::new(&config)?)
}

/// The audience of the option, else of its variable.
pub(crate) fn audience(options: &Options) -> Result<Audience, Failure> {
    let variable = || std::env::var("TARGET_AUDIENCE").ok();
    let text = options
        .audience
        .clone()
        .or_else(variable)
        .unwrap_or_default();
    if text.is_empty() {
        return Err(Failure::usage(
            "--audience (TARGET_AUDIENCE): is not set; it is the text that the role's trust policy tests \
             as accounts.google.com:oaud",
        ));
    }
    Ok(text.parse::<Audience>()?)
}

/// The role of the option, else of its variable, if it is a valid one.
pub(crate) fn role_arn(options: &Options) -> Option<RoleArn> {
    let variable = || std::env::var("AWS_ROLE_ARN").ok();
    let text = options.role_arn.clone().or_else(variable)?;
    text.parse().ok()
}
