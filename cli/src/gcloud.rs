//! `--gcloud`: the account that gcloud is logged in with.

use aws_google_web_identity::{
    Audience, BuildError, Context, Error, IdToken, Identity, ProvideIdToken, TokenCommand, future,
};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[cfg(test)]
mod tests;

/// gcloud's own client, for which it can print a person's ID token.
const CLIENT: &str = "32555940559.apps.googleusercontent.com";
const HINT: &str = "\
gcloud prints an ID token for an audience only of a service account. When a person is logged in, \n\
name a service account with --impersonate EMAIL; the person needs \n\
roles/iam.serviceAccountOpenIdTokenCreator on it. Or assume the role as the person, with \n\
--audience 32555940559.apps.googleusercontent.com (gcloud's client), if the trust policy admits that";
/// Properties that name a file with other credentials than the account's. The file can change.
const OTHER_CREDENTIALS: [&str; 2] = ["credential_file_override", "access_token_file"];

/// ID tokens that gcloud prints: of a service account for any audience, of a person only for
/// gcloud's own client.
#[derive(Debug)]
pub(crate) struct Gcloud;

impl Gcloud {
    async fn token(&self, cx: &Context, audience: &Audience) -> Result<IdToken, Error> {
        let mut arguments = vec!["auth".to_owned(), "print-identity-token".to_owned()];
        if audience.as_str() != CLIENT {
            arguments.push(format!("--audiences={}", audience.as_str()));
        }
        let command = TokenCommand::new("gcloud").args(arguments);
        let token = command.provide_id_token(cx, audience).await;
        token.map_err(|error| {
            let hint = error.hint().unwrap_or_default().to_owned();
            error.with_hint(format!("{hint}\n{HINT}").trim_start().to_owned())
        })
    }
}

impl ProvideIdToken for Gcloud {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.token(cx, audience))
    }

    /// gcloud takes a second to start, which a session in the cache spares.
    fn identity<'a>(&'a self, _: &'a Context, _: bool) -> future::ProvideIdentity<'a> {
        future::ProvideIdentity::new(async {
            // A home directory can be on a network file system that hangs.
            let read = tokio::task::spawn_blocking(|| active_account(env::vars_os().collect()));
            Ok(read.await.unwrap_or_default())
        })
    }

    fn check(&self, _: &Context) -> Result<(), BuildError> {
        Ok(())
    }
}

/// The account of gcloud's active configuration, with all that the configuration and gcloud's
/// variables say: whatever changes there, it counts as another identity.
///
/// `None` if the configuration names no account, as gcloud then asks its installation's properties
/// and the metadata server, or if it names a file with other credentials.
fn active_account(mut variables: Vec<(OsString, OsString)>) -> Option<Identity> {
    variables.sort();
    let value = |name: &str| {
        let (_, value) = variables.iter().find(|(variable, _)| variable == name)?;
        Some(value).filter(|value| !value.is_empty())
    };
    let overridden =
        OTHER_CREDENTIALS.map(|property| format!("CLOUDSDK_AUTH_{}", property.to_uppercase()));
    if overridden.iter().any(|name| value(name).is_some()) {
        return None;
    }
    let directory = match value("CLOUDSDK_CONFIG") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(value("HOME")?).join(".config/gcloud"),
    };
    let active = match value("CLOUDSDK_ACTIVE_CONFIG_NAME") {
        Some(name) => name.to_str()?.to_owned(),
        None => fs::read_to_string(directory.join("active_config")).ok()?,
    };
    let file = format!("config_{}", active.trim());
    let configuration = fs::read_to_string(directory.join("configurations").join(file)).ok()?;
    let named = value("CLOUDSDK_CORE_ACCOUNT").is_some() || has_account(&configuration);
    if !named
        || OTHER_CREDENTIALS
            .iter()
            .any(|property| configuration.contains(property))
    {
        return None;
    }
    let variables = variables
        .iter()
        .map(|(name, value)| (name.as_encoded_bytes(), value.as_encoded_bytes()))
        .filter(|(name, _)| name.starts_with(b"CLOUDSDK_"))
        .flat_map(|(name, value)| [name, value]);
    let fields = [configuration.as_bytes()].into_iter().chain(variables);
    Some(Identity::new("gcloud", fields))
}

/// Whether the configuration, an INI file, sets the property `core/account`. An indented line
/// continues the value before it.
fn has_account(configuration: &str) -> bool {
    let mut section = "";
    configuration.lines().any(|line| {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end().trim_end_matches(']');
        }
        let property = line.split_once('=');
        section == "core"
            && property.is_some_and(|(name, value)| {
                name.trim_end() == "account" && !value.trim().is_empty()
            })
    })
}
