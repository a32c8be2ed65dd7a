//! The keys that entries are sealed with.

use super::cipher::Cipher;
use super::format::Header;
use super::google_kms::GoogleKms;
use super::key_provider::KeyProvider;
use super::local::LocalSealingKey;
use crate::build_error::{BuildError, Problems};
use crate::context::Context;
use crate::error::Error;
use crate::token::ProvideAccessToken;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The keys of a [`Sealed`](crate::Sealed) cache: the first seals, all open. Cheap to clone;
/// `Debug` shows only how many there are.
///
/// To rotate, give all readers the new key as an additional one; then let the new one seal and keep
/// the old one for 12 hours, which no session outlives:
///
/// ```
/// # let (old, new) = ([1; 32], [2; 32]);
/// use aws_google_web_identity::SealingKey;
///
/// let first = SealingKey::local(old).and_local(new);
/// let then = SealingKey::local(new).and_local(old);
/// ```
#[derive(Clone)]
pub struct SealingKey {
    providers: Vec<Arc<dyn KeyProvider>>,
}

impl SealingKey {
    /// A key of your own: 32 random bytes, the same in every process, from wherever the program
    /// gets its secrets. Not a password.
    ///
    /// The key in memory is overwritten when the last clone is dropped; the caller's copy is not.
    pub fn local(key: [u8; 32]) -> Self {
        Self {
            providers: Vec::new(),
        }
        .and_local(key)
    }

    /// Adds a key that opens entries but does not seal them.
    #[must_use]
    pub fn and_local(self, key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        self.and(Arc::new(LocalSealingKey::new(&key)))
    }

    /// A symmetric key of Google's Cloud KMS, by its resource name
    /// `projects/*/locations/*/keyRings/*/cryptoKeys/*`. The account of the access tokens needs
    /// `roles/cloudkms.cryptoKeyEncrypterDecrypter` on it.
    ///
    /// KMS is not called for each session. Each writer makes a random data key, has KMS encrypt it
    /// before it first stores a session, and takes a new one every 24 hours. The encrypted data key
    /// is stored with what it sealed. A reader has KMS decrypt it once and keeps it in memory.
    /// Rotating the KMS key needs nothing here: KMS knows the version that encrypted a data key.
    /// When KMS refuses or fails, that is a failure of the cache: it is logged, and the exchange is
    /// made. KMS is asked again after 30 s.
    ///
    /// ```no_run
    /// use aws_google_web_identity::{MetadataServer, SealingKey};
    ///
    /// SealingKey::google_kms(
    ///     "projects/my-project/locations/europe-west3/keyRings/aws/cryptoKeys/sessions",
    ///     MetadataServer::new(),
    /// );
    /// ```
    pub fn google_kms(name: impl AsRef<str>, access: impl ProvideAccessToken + 'static) -> Self {
        GoogleKms::new(name, access).into()
    }

    /// Adds a key of Cloud KMS that opens entries but does not seal them.
    #[must_use]
    pub fn and_google_kms(self, key: GoogleKms) -> Self {
        self.and(Arc::new(key.into_provider()))
    }

    /// Gets ready to seal. Returns at once.
    pub(super) fn prepare(&self, cx: &Context) {
        if let Some(first) = self.providers.first() {
            first.prepare(cx);
        }
    }

    /// What is wrong with the setup of the keys.
    pub(super) fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let mut problems = Problems::default();
        for provider in &self.providers {
            problems.take(provider.check(cx));
        }
        problems.finish()
    }

    /// Adds a provider of keys.
    pub(in crate::cache) fn and(mut self, provider: Arc<dyn KeyProvider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// The key to seal with.
    pub(super) async fn sealing(&self, cx: &Context) -> Result<(Header, Arc<Cipher>), Error> {
        let [first, ..] = &self.providers[..] else {
            unreachable!("every constructor adds a provider")
        };
        first.sealing(cx).await
    }

    /// The key that opens an entry with this header. A provider that fails does not keep the next
    /// one from having the key.
    pub(super) async fn opening(
        &self,
        cx: &Context,
        header: &Header,
    ) -> Result<Option<Arc<Cipher>>, Error> {
        let mut failed = None;
        for provider in &self.providers {
            match provider.opening(cx, header).await {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(None), Err)
    }
}

impl From<GoogleKms> for SealingKey {
    fn from(key: GoogleKms) -> Self {
        Self {
            providers: Vec::new(),
        }
        .and_google_kms(key)
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({} keys)", self.providers.len())
    }
}
