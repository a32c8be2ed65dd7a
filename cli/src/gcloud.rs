//! `--gcloud`: the account that gcloud is logged in with.

use aws_google_web_identity::{
    Audience, BuildError, Context, Error, IdToken, Identity, ProvideIdToken, TokenCommand, future,
};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

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

/// The account of gcloud's active configuration, with all that the configuration, gcloud's
/// variables and the properties of its installation say: whatever changes there, it counts as
/// another identity.
///
/// `None` if the configuration names no account, as gcloud then asks the metadata server, or if it
/// is not as gcloud writes it, or names a file with other credentials.
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
    // gcloud takes a name with a line break for that of another configuration.
    if !active
        .bytes()
        .all(|it| it.is_ascii_alphanumeric() || it == b'-')
    {
        return None;
    }
    let file = directory.join(format!("configurations/config_{active}"));
    let configuration = fs::read_to_string(file).ok()?;
    let names_account = names_account(&configuration)?;
    if !names_account && value("CLOUDSDK_CORE_ACCOUNT").is_none() {
        return None;
    }
    let installation = installation_properties(value("PATH")?)?;
    let variables = variables
        .iter()
        .map(|(name, value)| (name.as_encoded_bytes(), value.as_encoded_bytes()))
        .filter(|(name, _)| name.starts_with(b"CLOUDSDK_"))
        .flat_map(|(name, value)| [name, value]);
    let files = [configuration.as_bytes(), installation.as_bytes()];
    Some(Identity::new("gcloud", files.into_iter().chain(variables)))
}

/// The properties that `gcloud config set --installation` writes, mostly none. `None` if the
/// installation is not found, or if they are not as gcloud writes them.
fn installation_properties(path: &OsStr) -> Option<String> {
    let mut programs = env::split_paths(path).map(|directory| directory.join("gcloud"));
    let program = programs.find(|program| program.is_file())?;
    let program = program.canonicalize().ok()?;
    let root = program.parent()?.parent()?;
    // A wrapper, such as that of pyenv or snap, stands elsewhere.
    if !root.join("lib/gcloud.py").is_file() {
        return None;
    }
    let properties = match fs::read_to_string(root.join("properties")) {
        Ok(properties) => properties,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(_) => return None,
    };
    names_account(&properties).map(|_| properties)
}

/// Whether the properties set `core/account`. `None` if they name other credentials, or are not as
/// gcloud writes them: Python's INI parser reads more than that, and other things in it.
fn names_account(properties: &str) -> Option<bool> {
    let is_name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
    };
    let (mut section, mut seen) = ("", Vec::new());
    for line in properties.split('\n').filter(|line| !line.is_empty()) {
        let entry = match line.strip_prefix('[') {
            Some(name) => {
                section = name.strip_suffix(']').filter(|name| is_name(name))?;
                (section, "")
            }
            None => {
                let (name, value) = line.split_once(" = ")?;
                let is_value = !value.trim().is_empty() && !value.contains(['\r', '%']);
                if section.is_empty()
                    || !is_name(name)
                    || !is_value
                    || OTHER_CREDENTIALS.contains(&name)
                {
                    return None;
                }
                (section, name)
            }
        };
        if seen.contains(&entry) {
            return None;
        }
        seen.push(entry);
    }
    Some(seen.contains(&("core", "account")))
}
