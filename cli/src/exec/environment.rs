//! The command's environment: what makes its SDK ask the endpoint, and nothing before it.

use super::profile::{self, FileKind};
use crate::failure::Failure;
use crate::input;
use crate::private::PrivateDir;
use crate::shown::shown_path;
use std::env;
use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// Variables by which an SDK finds other credentials before it asks the endpoint.
const OTHERS: [&str; 15] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    // Older names, which some SDKs still read.
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_ACCOUNT_ID",
];
const PROXIES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const LOOPBACK: &str = "127.0.0.1";

/// Sets the command's environment. Files that it names are written to `directory`.
pub(super) fn set(
    command: &mut Command,
    uri: &str,
    token_file: &Path,
    directory: &PrivateDir,
) -> Result<(), Failure> {
    for name in OTHERS {
        command.env_remove(name);
    }
    command
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token_file);
    bypass_proxy(command);
    let selected = variable("AWS_PROFILE").or_else(|| variable("AWS_DEFAULT_PROFILE"));
    let selected = selected.and_then(|name| name.into_string().ok());
    for file in files() {
        let failed = |error| Failure::io(&shown_path(&file.path), &error);
        let mut text = Vec::new();
        let read = input::open(&file.path).and_then(|mut file| file.read_to_end(&mut text));
        match read {
            Ok(_) => {}
            Err(error) if is_absent(&error) => continue,
            Err(error) => return Err(failed(error)),
        }
        let text = String::from_utf8_lossy(&text);
        if let Some(other) = profile::without_credentials(&text, file.kind, selected.as_deref()) {
            let path = directory.write(file.copy, other.as_bytes());
            command.env(file.variable, path.map_err(failed)?);
        }
    }
    Ok(())
}

/// A file where an SDK looks for keys before it asks the endpoint.
struct Candidate {
    path: PathBuf,
    kind: FileKind,
    variable: &'static str,
    /// The name of the copy without them.
    copy: &'static str,
}

fn files() -> Vec<Candidate> {
    let below_home = |name: &str| env::home_dir().map(|home| home.join(name));
    let found = |variable: &str, name: &str| {
        let named = variable_path(variable);
        named.or_else(|| below_home(name))
    };
    let of = |kind, variable, name, copy| {
        found(variable, name).map(|path| Candidate {
            path,
            kind,
            variable,
            copy,
        })
    };
    [
        of(FileKind::Config, "AWS_CONFIG_FILE", ".aws/config", "config"),
        of(
            FileKind::Credentials,
            "AWS_SHARED_CREDENTIALS_FILE",
            ".aws/credentials",
            "credentials",
        ),
        // botocore still reads the file of boto 2.
        of(FileKind::Boto, "BOTO_CONFIG", ".boto", "boto"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A client that sends plain http to a proxy would not reach the endpoint.
fn bypass_proxy(command: &mut Command) {
    if PROXIES.iter().all(|name| variable(name).is_none()) {
        return;
    }
    // Clients differ in which they read.
    for name in ["NO_PROXY", "no_proxy"] {
        let mut hosts = variable(name)
            .or_else(|| variable("NO_PROXY"))
            .or_else(|| variable("no_proxy"))
            .unwrap_or_default();
        if !hosts.is_empty() {
            hosts.push(",");
        }
        hosts.push(LOOPBACK);
        command.env(name, hosts);
    }
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn variable_path(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from)
}

/// An SDK that cannot read the file finds no keys in it either.
fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
    matches!(
        error.kind(),
        NotFound | NotADirectory | IsADirectory | PermissionDenied
    )
}
