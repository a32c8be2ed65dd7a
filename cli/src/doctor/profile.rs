//! The AWS profile, whose Region and endpoint the SDK uses.

use super::check::{Check, Status};
use crate::input;
use aws_config::profile;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};

/// The files with profiles: their variables, and where they are below the home directory.
const FILES: [(&str, &str); 2] = [
    ("AWS_CONFIG_FILE", ".aws/config"),
    ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
];

/// One that is no regular file: the SDK would wait for it, or read it for ever.
fn not_regular(variables: &Env) -> Option<String> {
    FILES.into_iter().find_map(|(name, default)| {
        let (setting, path) = match (variables.get(name), variables.get("HOME")) {
            (Ok(named), _) => (name.to_owned(), PathBuf::from(named)),
            (Err(_), Ok(home)) => (format!("~/{default}"), Path::new(&home).join(default)),
            (Err(_), Err(_)) => return None,
        };
        let is_odd = |error: io::Error| error.kind() == io::ErrorKind::InvalidInput;
        input::open(&path).is_err_and(is_odd).then_some(setting)
    })
}

/// A warning if the files can't be read or lack the profile that `AWS_PROFILE` names. Both are
/// ignored otherwise, as by the SDK.
pub(super) async fn check(variables: Env) -> Option<Check> {
    if let Some(setting) = not_regular(&variables) {
        let found = format!("{setting} is a device or a named pipe, which is ignored");
        let check = Check::new("profile", "AWS profile", Status::Warning, found);
        return Some(check.advise("put a regular file in its place".to_owned()));
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
