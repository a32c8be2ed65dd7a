//! The AWS profile, whose Region and endpoint the SDK uses.

use super::check::{Check, Status};
use aws_config::profile;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};
use std::error::Error as _;

/// The variable that names what can't be read as a file: the SDK would wait for it, or read it for
/// ever.
fn no_file(variables: &Env) -> Option<&'static str> {
    ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"]
        .into_iter()
        .find(|name| {
            let kind = variables.get(name).ok().map(std::fs::metadata);
            kind.is_some_and(|it| it.is_ok_and(|it| !it.is_file() && !it.is_dir()))
        })
}

/// A warning if the files can't be read or lack the profile that `AWS_PROFILE` names. Both are
/// ignored otherwise, as by the SDK.
pub(super) async fn check(variables: Env) -> Option<Check> {
    if let Some(variable) = no_file(&variables) {
        let found = format!("{variable} names a device or a named pipe, which is ignored");
        let check = Check::new("profile", "AWS profile", Status::Warning, found);
        return Some(check.advise("name a regular file, or unset it".to_owned()));
    }
    let files = EnvConfigFiles::default();
    let (found, advice) = match profile::load(&Fs::real(), &variables, &files, None).await {
        Ok(profiles) => {
            let named = variables.get("AWS_PROFILE").ok()?;
            if named.is_empty() || profiles.get_profile(&named).is_some() {
                return None;
            }
            // Not its value: people paste secrets into the wrong variables.
            let found = "AWS_PROFILE names a profile that no configuration file has".to_owned();
            let mut names: Vec<_> = profiles.profiles().collect();
            names.sort_unstable();
            let advice = match names.is_empty() {
                true => "unset AWS_PROFILE: there is no profile at all".to_owned(),
                false => format!(
                    "set it to one that is there ({}), or unset it",
                    names.join(", ")
                ),
            };
            (found, advice)
        }
        Err(error) => {
            let why = error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string);
            let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
            let advice = "correct the file; until then the SDKs ignore all profiles".to_owned();
            (
                format!("the AWS configuration files can't be used: {why}"),
                advice,
            )
        }
    };
    let check = Check::new("profile", "AWS profile", Status::Warning, found);
    Some(check.advise(advice))
}
