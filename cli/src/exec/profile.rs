//! The AWS configuration without the credentials of the default profile.
//!
//! Every SDK asks the profile before the container endpoint. The command gets a copy of the file in
//! which the default profile has the selected one's other settings, such as its Region, and no
//! credentials. Other profiles stay, for a command that names one.

/// A file that can hold credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    /// `~/.aws/config`: sections `[default]` and `[profile NAME]`.
    Config,
    /// `~/.aws/credentials`: sections `[NAME]`.
    Credentials,
    /// `~/.boto`: the section `[Credentials]`.
    Boto,
}

/// Settings by which a profile provides credentials.
const CREDENTIALS: [&str; 21] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "aws_security_token",
    "aws_account_id",
    "credential_process",
    "credential_source",
    "duration_seconds",
    "external_id",
    "login_session",
    "mfa_serial",
    "role_arn",
    "role_session_name",
    "source_profile",
    "sso_account_id",
    "sso_region",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
    "web_identity_token",
];

const DEFAULT: &str = "default";

/// The text of the file, changed, or `None` when it can stay as it is.
pub(super) fn without_credentials(
    text: &str,
    kind: FileKind,
    selected: Option<&str>,
) -> Option<String> {
    let selected = match kind {
        // boto 2 knew no profiles.
        FileKind::Boto => DEFAULT,
        FileKind::Config | FileKind::Credentials => selected.unwrap_or(DEFAULT),
    };
    let sections = sections(text, kind);
    let is_profile = |section: &Section<'_>, name| section.profile == Some(name);
    let changes = |section: &Section<'_>| match section.profile {
        Some(DEFAULT) => selected != DEFAULT || section.has_credentials(),
        profile => profile == Some(selected),
    };
    if !sections.iter().any(changes) {
        return None;
    }
    let mut result = String::new();
    for section in &sections {
        match is_profile(section, DEFAULT) {
            true if selected == DEFAULT => result += &section.without_credentials(None),
            true => {}
            false => section.lines.iter().for_each(|line| result += line),
        }
    }
    if selected != DEFAULT {
        for section in sections.iter().filter(|it| is_profile(it, selected)) {
            if !result.is_empty() && !result.ends_with('\n') {
                result.push('\n');
            }
            result += &section.without_credentials(Some("[default]\n"));
        }
    }
    Some(result)
}

/// A section: its header, and the lines to the next one.
struct Section<'a> {
    /// The name of the profile, if it is one.
    profile: Option<&'a str>,
    lines: Vec<&'a str>,
}

impl Section<'_> {
    fn has_credentials(&self) -> bool {
        self.lines.iter().any(|line| is_credential(line))
    }

    /// The section without the settings that provide credentials, under another header if one is
    /// given.
    fn without_credentials(&self, header: Option<&str>) -> String {
        let mut result = String::new();
        let mut is_dropped = false;
        for (index, line) in self.lines.iter().enumerate() {
            if index == 0 && self.profile.is_some() {
                result += header.unwrap_or(line);
                continue;
            }
            // An indented line belongs to the setting above it.
            if !line.starts_with([' ', '\t']) {
                is_dropped = is_credential(line);
            }
            if !is_dropped && !is_credential(line) {
                result += line;
            }
        }
        result
    }
}

/// The sections of the file. Lines before the first one are a section without a profile.
fn sections(text: &str, kind: FileKind) -> Vec<Section<'_>> {
    let mut sections = vec![Section {
        profile: None,
        lines: Vec::new(),
    }];
    for line in text.split_inclusive('\n') {
        if let Some(header) = header(line) {
            sections.push(Section {
                profile: profile_name(header, kind),
                lines: Vec::new(),
            });
        }
        if let Some(section) = sections.last_mut() {
            section.lines.push(line);
        }
    }
    sections
}

fn header(line: &str) -> Option<&str> {
    let (name, _) = line
        .trim()
        .trim_start_matches('\u{feff}')
        .strip_prefix('[')?
        .split_once(']')?;
    Some(name.trim())
}

fn profile_name(header: &str, kind: FileKind) -> Option<&str> {
    if kind == FileKind::Boto {
        return (header == "Credentials").then_some(DEFAULT);
    }
    let of_profile = header.strip_prefix("profile");
    let of_profile = of_profile.filter(|name| name.starts_with([' ', '\t']));
    match (of_profile, kind) {
        (Some(name), _) => Some(name.trim().trim_matches(['"', '\''])),
        (None, FileKind::Config) => (header == DEFAULT).then_some(DEFAULT),
        (None, _) => Some(header),
    }
}

fn is_credential(line: &str) -> bool {
    let key = line.split_once(['=', ':']).map_or("", |(key, _)| key);
    let key = key.trim().to_ascii_lowercase();
    CREDENTIALS.contains(&key.as_str())
}

#[cfg(test)]
mod tests;
