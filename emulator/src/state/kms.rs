//! Keys of Cloud KMS.

use super::keys::{hex, random};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, RandomizedNonceKey};
use std::fmt;
use std::io;

/// A symmetric key of [Cloud KMS](https://cloud.google.com/kms/docs/object-hierarchy), with
/// software protection and one version.
///
/// ```
/// # use aws_google_web_identity_emulator::KmsKey;
/// KmsKey::new("projects/demo-project/locations/global/keyRings/demo/cryptoKeys/other")
///     .encrypter_decrypters(["robot@demo-project.iam.gserviceaccount.com"]);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct KmsKey {
    pub(crate) name: String,
    users: Vec<String>,
    versions: Vec<Version>,
    primary: usize,
}

impl KmsKey {
    /// A key with this resource name, `projects/*/locations/*/keyRings/*/cryptoKeys/*`, that nobody
    /// may use.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            users: Vec::new(),
            versions: vec![Version::new()],
            primary: 0,
        }
    }

    /// The principals, by e-mail address, that have the role
    /// `roles/cloudkms.cryptoKeyEncrypterDecrypter` on this key.
    pub fn encrypter_decrypters(
        mut self,
        emails: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.users = emails.into_iter().map(Into::into).collect();
        self
    }

    pub(crate) fn admits(&self, principal: &str) -> bool {
        self.users.iter().any(|user| user == principal)
    }

    pub(crate) fn key_ring(&self) -> &str {
        let ring = self.name.split_once("/cryptoKeys/");
        ring.map_or(&self.name, |(ring, _)| ring)
    }

    /// Adds a version, which becomes the primary one.
    pub(crate) fn rotate(&mut self) -> usize {
        self.versions.push(Version::new());
        self.primary = self.versions.len() - 1;
        self.versions.len()
    }

    /// By number, from 1.
    pub(crate) fn version_mut(&mut self, number: usize) -> io::Result<&mut Version> {
        let name = format!("{}/cryptoKeyVersions/{number}", self.name);
        let version = number.checked_sub(1).map(|at| self.versions.get_mut(at));
        version.flatten().ok_or_else(|| {
            let problem = format!("the emulator has no {name}");
            io::Error::new(io::ErrorKind::NotFound, problem)
        })
    }

    /// The version of this number, or the primary one, and its number.
    pub(crate) fn version(&self, number: Option<usize>) -> Option<(usize, &Version)> {
        let number = number.unwrap_or(self.primary + 1);
        let version = self.versions.get(number.checked_sub(1)?)?;
        Some((number, version))
    }

    /// The version that made this ciphertext.
    pub(crate) fn version_of(&self, ciphertext: &[u8]) -> Option<(usize, &Version)> {
        let at = self
            .versions
            .iter()
            .position(|it| ciphertext.starts_with(&it.id))?;
        Some((at + 1, &self.versions[at]))
    }

    pub(crate) fn is_primary(&self, number: usize) -> bool {
        number == self.primary + 1
    }
}

/// The state of a version of a [`KmsKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KmsVersionState {
    /// It encrypts and decrypts.
    Enabled,
    /// It can be enabled again.
    Disabled,
    /// It will be destroyed, and can be restored until then.
    DestroyScheduled,
    /// What it encrypted is lost.
    Destroyed,
}

impl KmsVersionState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::DestroyScheduled => "DESTROY_SCHEDULED",
            Self::Destroyed => "DESTROYED",
        }
    }
}

/// One version of a key.
#[derive(Clone)]
pub(crate) struct Version {
    /// The beginning of every ciphertext of it.
    id: [u8; 16],
    key: Vec<u8>,
    pub(crate) state: KmsVersionState,
}

impl Version {
    fn new() -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&random(16));
        Self {
            id,
            key: random(32),
            state: KmsVersionState::Enabled,
        }
    }

    fn cipher(&self) -> Option<RandomizedNonceKey> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.key).ok()
    }

    pub(crate) fn encrypt(&self, plaintext: &[u8], additional: &[u8]) -> Option<Vec<u8>> {
        let mut body = plaintext.to_vec();
        let nonce = self
            .cipher()?
            .seal_in_place_append_tag(Aad::from(additional), &mut body);
        Some([&self.id[..], nonce.ok()?.as_ref(), &body].concat())
    }

    pub(crate) fn decrypt(&self, ciphertext: &[u8], additional: &[u8]) -> Option<Vec<u8>> {
        let rest = ciphertext.strip_prefix(&self.id)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut body = body.to_vec();
        let plain = self
            .cipher()?
            .open_in_place(nonce.into(), Aad::from(additional), &mut body);
        Some(plain.ok()?.to_vec())
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Version")
            .field("id", &hex(&self.id))
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
