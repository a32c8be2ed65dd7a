//! Google service accounts.

use super::keys::{KeyUse, SigningKey, hex};
use crate::lock::lock;
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
    pub(crate) email: String,
    pub(crate) unique_id: String,
    pub(crate) token_creators: Vec<String>,
    pub(crate) organization_number: Option<u64>,
}

impl ServiceAccount {
    /// An account with this e-mail address, a unique id derived from it, and no token creators.
    pub fn new(email: impl Into<String>) -> Self {
        let email = email.into();
        Self {
            unique_id: unique_id_of(&email),
            email,
            token_creators: Vec::new(),
            organization_number: None,
        }
    }

    /// The unique id, which becomes `sub` of its tokens: 1 to 21 digits.
    pub fn unique_id(mut self, unique_id: impl Into<String>) -> Self {
        self.unique_id = unique_id.into();
        self
    }

    /// The principals, by e-mail address, that have the role `roles/iam.serviceAccountTokenCreator`
    /// on this account: IAM lets them sign and issue tokens as the account.
    ///
    /// An account that signs for itself through IAM needs the role too, [as on Google
    /// Cloud](https://cloud.google.com/iam/docs/service-account-permissions#token-creator-role).
    pub fn token_creators(mut self, emails: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.token_creators = emails.into_iter().map(Into::into).collect();
        self
    }

    /// The number of the account's Google Cloud organization. Default: no organization.
    pub fn organization_number(mut self, number: u64) -> Self {
        self.organization_number = Some(number);
        self
    }
}

/// 21 digits that start with 1, like Google's.
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
pub(crate) struct Account {
    pub(crate) settings: ServiceAccount,
    index: usize,
    file_key: Mutex<(usize, Arc<SigningKey>)>,
    pub(crate) managed_key: Arc<SigningKey>,
}

impl Account {
    pub(crate) fn new(settings: ServiceAccount, index: usize) -> io::Result<Self> {
        let id = &settings.unique_id;
        if !(1..=21).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the unique id {id:?} of {} does not have 1 to 21 digits",
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

    pub(crate) fn email(&self) -> &str {
        &self.settings.email
    }

    pub(crate) fn unique_id(&self) -> &str {
        &self.settings.unique_id
    }

    /// The project in the e-mail address, or `demo-project` if the address has another form.
    pub(crate) fn project(&self) -> &str {
        self.email()
            .split_once('@')
            .and_then(|(_, domain)| domain.strip_suffix(".iam.gserviceaccount.com"))
            .unwrap_or("demo-project")
    }

    pub(crate) fn file_key(&self) -> Arc<SigningKey> {
        lock(&self.file_key).1.clone()
    }

    /// Replaces the key of the key file. The token endpoint refuses the old key from now on.
    pub(crate) fn rotate_file_key(&self) -> io::Result<()> {
        let generation = lock(&self.file_key).0 + 1;
        let key = match generation {
            ..GENERATIONS => {
                SigningKey::shared(KeyUse::KeyFile, self.index * GENERATIONS + generation)?
            }
            // A refused key must never be accepted again, so the shared ones cannot be reused.
            _ => Arc::new(SigningKey::generate()?),
        };
        *lock(&self.file_key) = (generation, key);
        Ok(())
    }

    /// Whether `principal` may sign and issue tokens as this account.
    pub(crate) fn admits(&self, principal: &str) -> bool {
        self.settings
            .token_creators
            .iter()
            .any(|creator| creator == principal)
    }
}

/// Key-file keys per account that a process generates once and shares between emulators.
const GENERATIONS: usize = 3;

/// The project number: 12 digits, derived from the project's name.
pub(crate) fn project_number(project: &str) -> u64 {
    let hash = digest::digest(&digest::SHA256, project.as_bytes());
    let seed = u64::from_str_radix(&hex(&hash.as_ref()[..6]), 16).unwrap_or_default();
    100_000_000_000 + seed % 900_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_id_has_21_digits_and_is_stable() {
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
    fn an_id_must_be_a_number() {
        for id in ["", "12x", "1234567890123456789012"] {
            let account = Account::new(ServiceAccount::new("a@b.example").unique_id(id), 0);
            assert_eq!(account.unwrap_err().kind(), io::ErrorKind::InvalidInput);
        }
    }
}
