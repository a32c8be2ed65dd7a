//! The names that are sent to Google and AWS: parsed once, valid from then on.

use crate::build_error::BuildError;
use crate::redact::shown;
use std::fmt;
use std::str::FromStr;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = BuildError;

            fn from_str(text: &str) -> Result<Self, BuildError> {
                let check: fn(&str) -> Result<(), String> = $check;
                match check(text) {
                    Ok(()) => Ok(Self(text.to_owned())),
                    Err(rule) => {
                        Err(BuildError::new(stringify!($name), format!("{} {rule}", shown(text))))
                    }
                }
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl From<&$name> for String {
            fn from(name: &$name) -> String {
                name.0.clone()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// The ARN of the IAM role to assume, `arn:PARTITION:iam::ACCOUNT:role/NAME`, 20 to 2048 bytes
    /// ([AssumeRoleWithWebIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html)).
    RoleArn, check_role_arn
}

impl RoleArn {
    /// The twelve digits of the account. Empty for a role of a server other than AWS that has none.
    pub fn account_id(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }
}

fn check_role_arn(arn: &str) -> Result<(), String> {
    const FORM: &str = "is not a role ARN: arn:aws:iam::<12 digits>:role/<name> is expected";
    match arn.len() {
        ..20 => return Err(FORM.to_owned()),
        20..=2048 => {}
        bytes => return Err(format!("has {bytes} bytes; a role ARN has 20 to 2048")),
    }
    let mut fields = arn.splitn(6, ':');
    let mut next = || fields.next().unwrap_or_default();
    let (prefix, partition, service, region, account, resource) =
        (next(), next(), next(), next(), next(), next());
    // Ceph and MinIO have roles without an account, MinIO in a partition of its own. `build`
    // accepts them only with an endpoint for STS.
    let elsewhere = account.is_empty()
        && !partition.is_empty()
        && partition
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let on_aws = partition.starts_with("aws");
    if prefix != "arn" || service != "iam" || !region.is_empty() || !(on_aws || elsewhere) {
        return Err(FORM.to_owned());
    }
    let twelve_digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if !twelve_digits && !elsewhere {
        return Err(format!(
            "{FORM}; {} is not an account id of 12 digits",
            shown(account)
        ));
    }
    match resource.split_once('/') {
        Some(("role", path)) if valid_role_path(path) => Ok(()),
        Some((kind, _)) if kind != "role" => Err(format!("{FORM}; it names a {}", shown(kind))),
        _ => Err(FORM.to_owned()),
    }
}

fn valid_role_path(path: &str) -> bool {
    !path.is_empty() && !path.ends_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic())
}

name! {
    /// The audience of the ID token: any text that the role's trust policy expects as
    /// `accounts.google.com:oaud`, often a URL. It has 1 to 2048 bytes, no white space at either
    /// end and no control characters.
    Audience, |text| match text {
        "" => Err("is empty; the audience is the text that the role's trust policy expects as \
            accounts.google.com:oaud".to_owned()),
        _ if text.len() > 2048 => Err(format!("has {} bytes; an audience has at most 2048", text.len())),
        _ if text.trim() != text => Err("begins or ends with white space".to_owned()),
        _ if text.chars().any(char::is_control) => Err("holds a control character".to_owned()),
        _ => Ok(()),
    }
}

name! {
    /// The name of the role session, shown in the assumed-role ARN and in CloudTrail: 2 to 64 of
    /// `A-Z a-z 0-9 _ + = , . @ -`
    /// ([AssumeRoleWithWebIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html)).
    SessionName, |text| {
        if let Some(wrong) = text.chars().find(|c| !session_name_char(*c)) {
            Err(format!("holds {wrong:?}; a session name is made of A-Z a-z 0-9 _ + = , . @ -"))
        } else if !(2..=64).contains(&text.len()) {
            Err(format!("has {} characters; a session name has 2 to 64", text.len()))
        } else {
            Ok(())
        }
    }
}

impl SessionName {
    /// Takes a name that was built from [`session_name_char`]s only.
    pub(crate) fn known_valid(mut name: String) -> Self {
        while name.len() < 2 {
            name.push('-');
        }
        debug_assert!(name.parse::<SessionName>().is_ok(), "{name}");
        Self(name)
    }
}

pub(crate) fn session_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

name! {
    /// A Google service account, by its e-mail or by its numeric unique id: Google's APIs take both
    /// ([resource names](https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signJwt)).
    ServiceAccountEmail, |text| {
        const RULE: &str = "is not a service account; its e-mail (name@project.iam.gserviceaccount.com) \
            or its numeric unique id is expected";
        let unique_id = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let email = text.split_once('@').is_some_and(|(name, domain)| {
            let valid = |part: &str| {
                !part.is_empty()
                    && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._+:".contains(&byte))
            };
            valid(name) && valid(domain) && domain.contains('.')
        });
        if (unique_id || email) && text.len() <= 320 { Ok(()) } else { Err(RULE.to_owned()) }
    }
}

#[cfg(test)]
mod tests;
