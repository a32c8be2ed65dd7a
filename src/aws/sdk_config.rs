//! The SDK's configuration when the caller passes none.
//!
//! `aws_config`'s own `load` panics on values such as `AWS_RETRY_MODE=legacy`, takes an empty
//! variable for a value, and may ask the EC2 metadata address, which is Google's here. So this
//! reads the settings that matter for STS itself: variables first, then the profile. An empty value
//! counts as not set.

use crate::build_error::{BuildError, Problems};
use crate::environment::Environment;
use crate::redact::shown;
use aws_config::BehaviorVersion;
use aws_config::profile::{self, ProfileSet};
use aws_runtime::env_config::EnvConfigValue;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::app_name::AppName;
use aws_types::os_shim_internal::{Env, Fs};
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use std::error::Error as _;
use std::fmt;
use std::path::{Path, PathBuf};

/// The variables that decide which server gets the token.
const DECIDING: [&str; 7] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
];

/// Reads the settings from the environment and the profile.
///
/// # Errors
/// Every value that is not valid, by its variable or profile key.
pub(crate) async fn from_environment(environment: &Environment) -> Result<SdkConfig, BuildError> {
    let settings = Settings::load(environment).await;
    let mut problems = Problems::default();
    for name in DECIDING {
        // Silently another server, or another Region, would be called.
        if environment.is_not_unicode(name) {
            problems.add(BuildError::new(
                name,
                "is not UTF-8; set it anew, or unset it",
            ));
        }
    }
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .sleep_impl(TokioSleep::new())
        .region(settings.region());
    config.set_use_fips(settings.take(
        &mut problems,
        "AWS_USE_FIPS_ENDPOINT",
        "use_fips_endpoint",
        boolean,
    ));
    config.set_use_dual_stack(settings.take(
        &mut problems,
        "AWS_USE_DUALSTACK_ENDPOINT",
        "use_dualstack_endpoint",
        boolean,
    ));
    let ignores_endpoints = settings.take(
        &mut problems,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "ignore_configured_endpoint_urls",
        boolean,
    );
    config.set_retry_config(settings.retries(&mut problems));
    config.set_app_name(settings.take(
        &mut problems,
        "AWS_SDK_UA_APP_ID",
        "sdk_ua_app_id",
        |text| AppName::new(text.to_owned()).map_err(|_| "is not an application name"),
    ));
    problems.finish()?;
    if ignores_endpoints != Some(true) {
        config.set_service_config(Some(settings));
    }
    Ok(config.build())
}

/// The variables that are not empty, and the profile.
struct Settings {
    variables: Env,
    profile: ProfileSet,
}

impl Settings {
    async fn load(environment: &Environment) -> Self {
        let variables = Env::from(environment.variables());
        // As the SDK does: a file that is of no use to this program must not stop it.
        let profile = match load_profile(&variables).await {
            Ok((profile, missing)) => {
                if let Some(missing) = missing {
                    tracing::warn!("{missing}; it is ignored");
                }
                profile
            }
            Err(error) => {
                tracing::warn!("{error}; the AWS profiles are ignored");
                ProfileSet::default()
            }
        };
        Self { variables, profile }
    }

    fn region(&self) -> Option<Region> {
        let variables = ["AWS_REGION", "AWS_DEFAULT_REGION"];
        let variable = variables
            .iter()
            .find_map(|name| self.variables.get(name).ok());
        variable.or_else(|| self.profile_region()).map(Region::new)
    }

    /// As in the SDK, a profile without a Region has that of its `source_profile`.
    fn profile_region(&self) -> Option<String> {
        // Profiles can refer to each other in a circle.
        const MAX_DEPTH: usize = 10;
        let mut name = self.profile.selected_profile();
        for _ in 0..MAX_DEPTH {
            let profile = self.profile.get_profile(name)?;
            match profile.get("region").filter(|region| !region.is_empty()) {
                Some(region) => return Some(region.to_owned()),
                None => name = profile.get("source_profile")?,
            }
        }
        None
    }

    /// `None` when nothing is set, so that the crate's own defaults apply.
    fn retries(&self, problems: &mut Problems) -> Option<RetryConfig> {
        let attempts = self.take(
            problems,
            "AWS_MAX_ATTEMPTS",
            "max_attempts",
            |text| match text.parse() {
                Ok(attempts @ 1_u32..) => Ok(attempts),
                _ => Err("is not a number of attempts; 1 or more is expected"),
            },
        );
        let mode = self.take(problems, "AWS_RETRY_MODE", "retry_mode", |text| {
            match text.to_ascii_lowercase().as_str() {
                // The SDK for Rust has no legacy mode, boto's default; standard is next to it.
                "standard" | "legacy" => Ok(RetryConfig::standard()),
                "adaptive" => Ok(RetryConfig::adaptive()),
                _ => Err("is not a retry mode; standard, adaptive or legacy is expected"),
            }
        });
        match (mode, attempts) {
            (None, None) => None,
            (mode, None) => mode,
            (mode, Some(attempts)) => {
                let mode = mode.unwrap_or_else(RetryConfig::standard);
                Some(mode.with_max_attempts(attempts))
            }
        }
    }

    /// The value of a variable, else that of a key of the profile.
    fn take<T>(
        &self,
        problems: &mut Problems,
        variable: &str,
        key: &str,
        parse: impl Fn(&str) -> Result<T, &'static str>,
    ) -> Option<T> {
        let (setting, text) = match self.variables.get(variable) {
            Ok(text) => (variable.to_owned(), text),
            Err(_) => {
                let text = self.profile.get(key).filter(|text| !text.is_empty())?;
                let profile = self.profile.selected_profile();
                (
                    format!("{key} of the AWS profile {}", shown(profile)),
                    text.to_owned(),
                )
            }
        };
        let rule = |rule| BuildError::new(setting, format!("{} {rule}", shown(&text)));
        problems.take(parse(text.trim()).map_err(rule))
    }
}

/// The profiles, and a complaint if the environment names one that is not among them.
///
/// # Errors
/// The files can't be read. The SDK's message quotes nothing of them.
async fn load_profile(variables: &Env) -> Result<(ProfileSet, Option<BuildError>), BuildError> {
    const FILES: [(&str, &str); 2] = [
        ("AWS_CONFIG_FILE", ".aws/config"),
        ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
    ];
    for (name, default) in FILES {
        let (setting, path) = match (variables.get(name), variables.get("HOME")) {
            (Ok(named), _) => (name.to_owned(), PathBuf::from(named)),
            (Err(_), Ok(home)) => (format!("~/{default}"), Path::new(&home).join(default)),
            (Err(_), Err(_)) => continue,
        };
        // The SDK would wait for the writer of a named pipe, and read a device for ever.
        if std::fs::metadata(path).is_ok_and(|it| !it.is_file() && !it.is_dir()) {
            let what = "is a device or a named pipe; a regular file is expected";
            return Err(BuildError::new(setting, what));
        }
    }
    let files = EnvConfigFiles::default();
    let profiles = profile::load(&Fs::real(), variables, &files, None).await;
    let profiles = profiles.map_err(|error| {
        let why = error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string);
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        BuildError::new(
            "the AWS configuration files",
            format!("can't be used: {why}"),
        )
    })?;
    let named = variables.get("AWS_PROFILE").ok();
    let missing = named.filter(|name| profiles.get_profile(name).is_none());
    let missing = missing.map(|name| {
        let what = format!(
            "names the profile {}, which no AWS configuration file has",
            shown(&name)
        );
        BuildError::new("AWS_PROFILE", what)
    });
    Ok((profiles, missing))
}

/// Why the profile has no settings, if something is wrong with it: for a user whose Region was
/// expected to be there.
pub(crate) async fn profile_problem(environment: &Environment) -> Option<BuildError> {
    match load_profile(&Env::from(environment.variables())).await {
        Ok((_, missing)) => missing,
        Err(error) => Some(error),
    }
}

impl LoadServiceConfig for Settings {
    /// Answers for the endpoint of STS: the service's own variable, the general one, the same two
    /// in the profile.
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let value = EnvConfigValue::new()
            .env(key.env())
            .profile(key.profile())
            .service_id(key.service_id());
        let (value, _) = value.load(&self.variables, Some(&self.profile))?;
        Some(value.into_owned()).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for Settings {
    /// Leaves out the profile, which can hold access keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

fn boolean(text: &str) -> Result<bool, &'static str> {
    let rule = "is neither true nor false";
    text.to_ascii_lowercase().parse().map_err(|_| rule)
}
