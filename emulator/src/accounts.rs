//! The service accounts that the emulator's Google knows.

use super::keys::{KeyUse, SigningKey, hex};
use aws_lc_rs::digest;
use std::io;
use std::sync::{Arc, Mutex};

/// A Google service account.
///
/// ```
/// # use aws_google_web_identity_emulator::ServiceAccount;
/// ServiceAccount::new("robot@demo-project.iam.gserviceaccount.com")
///     .unique_id("108642097531864209753")
///     .token_creators(["operator@demo-project.iam.gserviceaccount.com"]);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ServiceAccount {
    pub(super) email: String,
    pub(super) unique_id: String,
    pub(super) token_creators: Vec<String>,
    pub(super) organization_number: Option<u64>,
}

impl ServiceAccount {
    /// An account of this e-mail address, with a unique id made from it, for which nobody else may sign.
    pub fn new(email: impl Into<String>) -> Self {
        let email = email.into();
        Self {
            unique_id: unique_id_of(&email),
            email,
            token_creators: Vec::new(),
            organization_number: None,
        }
    }

    /// The numeric id that becomes `sub`: 1 to 21 digits.
    pub fn unique_id(mut self, unique_id: impl Into<String>) -> Self {
        self.unique_id = unique_id.into();
        self
    }

    /// The principals, by e-mail address, that have the role `roles/iam.serviceAccountTokenCreator` on this account,
    /// so that they may sign and mint tokens as it. An account that signs for itself through IAM must be named too,
    /// [as on Google Cloud](https://cloud.google.com/iam/docs/service-account-permissions#token-creator-role).
    pub fn token_creators(mut self, emails: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.token_creators = emails.into_iter().map(Into::into).collect();
        self
    }

    /// The number of the Google Cloud organization that the account belongs to; none unless given.
    pub fn organization_number(mut self, number: u64) -> Self {
        self.organization_number = Some(number);
        self
    }
}

/// 21 digits that start with 1, as Google's do.
fn unique_id_of(email: &str) -> String {
    let hash = digest::digest(&digest::SHA256, email.as_bytes());
    let digits: String = hash.as_ref()[..20]
        .iter()
        .map(|byte| char::from(b'0' + byte % 10))
        .collect();
    format!("1{digits}")
}

/// An account with its keys.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) settings: ServiceAccount,
    index: usize,
    file_key: Mutex<(usize, Arc<SigningKey>)>,
    pub(super) managed_key: Arc<SigningKey>,
}

impl Account {
    pub(super) fn new(settings: ServiceAccount, index: usize) -> io::Result<Self> {
        let id = &settings.unique_id;
        if !(1..=21).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the unique id {id:?} of {} is not of 1 to 21 digits",
                    settings.email
                ),
            ));
        }
        Ok(Self {
            file_key: Mutex::new((0, SigningKey::shared(KeyUse::KeyFile, index * GENERATIONS)?)),
            managed_key: SigningKey::shared(KeyUse::Managed, index)?,
            settings,
            index,
        })
    }

    pub(super) fn email(&self) -> &str {
        &self.settings.email
    }

    pub(super) fn unique_id(&self) -> &str {
        &self.settings.unique_id
    }

    /// The project in the e-mail address, or a made-up one for addresses of other forms.
    pub(super) fn project(&self) -> &str {
        self.email()
            .split_once('@')
            .and_then(|(_, domain)| domain.strip_suffix(".iam.gserviceaccount.com"))
            .unwrap_or("demo-project")
    }

    pub(super) fn file_key(&self) -> Arc<SigningKey> {
        super::lock(&self.file_key).1.clone()
    }

    /// Puts another key in the place of the one in the key file, which is refused from now on.
    pub(super) fn rotate_file_key(&self) -> io::Result<()> {
        let generation = super::lock(&self.file_key).0 + 1;
        let key = match generation {
            ..GENERATIONS => {
                SigningKey::shared(KeyUse::KeyFile, self.index * GENERATIONS + generation)?
            }
            // None that was refused before comes back.
            _ => Arc::new(SigningKey::generate()?),
        };
        *super::lock(&self.file_key) = (generation, key);
        Ok(())
    }

    /// Whether `principal` may sign and mint tokens as this account.
    pub(super) fn admits(&self, principal: &str) -> bool {
        self.settings
            .token_creators
            .iter()
            .any(|creator| creator == principal)
    }
}

/// Keys of an account's file before the first comes round again: generating more than a few takes long.
const GENERATIONS: usize = 3;

/// A project number for a project: 12 digits, the same for the same name.
pub(super) fn project_number(project: &str) -> u64 {
    let hash = digest::digest(&digest::SHA256, project.as_bytes());
    let seed = u64::from_str_radix(&hex(&hash.as_ref()[..6]), 16).unwrap_or_default();
    100_000_000_000 + seed % 900_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_made_from_an_address_is_21_digits_and_steady() {
        let id = ServiceAccount::new("robot@demo-project.iam.gserviceaccount.com").unique_id;
        assert_eq!(id.len(), 21);
        assert!(id.starts_with('1') && id.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(
            id,
            ServiceAccount::new("robot@demo-project.iam.gserviceaccount.com").unique_id
        );
        assert_ne!(
            id,
            ServiceAccount::new("other@demo-project.iam.gserviceaccount.com").unique_id
        );
    }

    #[test]
    fn an_id_that_is_no_number_is_refused() {
        for id in ["", "12x", "1234567890123456789012"] {
            let account = Account::new(ServiceAccount::new("a@b.example").unique_id(id), 0);
            assert_eq!(account.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
