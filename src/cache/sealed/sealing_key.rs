//! The keys that entries are sealed with.

use super::cipher::Cipher;
use super::format::Header;
use super::key_provider::KeyProvider;
use super::local::LocalSealingKey;
use crate::context::Context;
use crate::error::Error;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The keys of a [`Sealed`](crate::Sealed) cache: the first seals, all open. Cheap to clone; `Debug`
/// shows only how many there are.
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

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({} keys)", self.providers.len())
    }
}
