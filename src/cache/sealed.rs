//! Encrypted entries.
//!
//! # Format
//!
//! | Bytes | What |
//! |---|---|
//! | 4 | `AGWS` |
//! | 1 | version of the format: 1 |
//! | 1 | kind of key: 1 local, 2 Cloud KMS |
//! | 2 | length of the next field, big-endian |
//! | … | which key: its id, or the wrapped data key |
//! | 12 | nonce, random |
//! | … | AES-256-GCM: ciphertext and tag |
//!
//! The additional data is everything before the nonce, followed by the entry's [`CacheKey`]. So an
//! entry that was moved to another key does not open, nor does one of another version.

mod cipher;
mod format;
mod google_kms;
mod key_provider;
mod local;
mod sealing_key;

pub use google_kms::GoogleKms;
pub use sealing_key::SealingKey;

use crate::build_error::{BuildError, Problems};
use crate::cache::{CacheKey, Lease, SessionCache, SessionEntry, future};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use format::Header;

/// Encrypts what another cache stores, with AES-256-GCM.
///
/// An entry that was moved to another key of the store, damaged, or sealed with a key that the
/// [`SealingKey`] doesn't have does not open, and counts as absent.
///
/// ```no_run
/// # fn run(cache: impl aws_google_web_identity::SessionCache, key: [u8; 32]) {
/// use aws_google_web_identity::{Sealed, SealingKey};
///
/// let sealed = Sealed::new(cache, SealingKey::local(key));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Sealed<C> {
    cache: C,
    key: SealingKey,
}

impl<C: SessionCache> Sealed<C> {
    /// Seals the entries of `cache` with `key`.
    pub fn new(cache: C, key: SealingKey) -> Self {
        Self { cache, key }
    }

    async fn load(&self, cx: &Context, key: &CacheKey) -> Result<Option<SessionEntry>, Error> {
        let Some(entry) = self.cache.load(cx, key).await? else {
            return Ok(None);
        };
        let opened = match Header::parse(entry.expose()) {
            Some((header, body)) => match self.key.opening(cx, &header).await? {
                Some(cipher) => cipher.open(&header, key, body),
                None => None,
            },
            None => None,
        };
        if opened.is_none() {
            tracing::debug!(%key, "the cached entry does not open with the sealing key; it counts as absent");
        }
        Ok(opened.map(|bytes| SessionEntry::new(bytes, entry.left())))
    }

    async fn store(&self, cx: &Context, key: &CacheKey, entry: &SessionEntry) -> Result<(), Error> {
        let (header, cipher) = self.key.sealing(cx).await?;
        let sealed = cipher.seal(&header, key, entry.expose()).ok_or_else(|| {
            let what = "the session can't be sealed";
            Error::from_message(Stage::Cache, ErrorKind::Unavailable, what)
        })?;
        let sealed = SessionEntry::new(sealed, entry.left());
        self.cache.store(cx, key, &sealed).await
    }
}

impl<C: SessionCache> SessionCache for Sealed<C> {
    fn load<'a>(&'a self, cx: &'a Context, key: &'a CacheKey) -> future::LoadSession<'a> {
        future::LoadSession::new(self.load(cx, key))
    }

    fn store<'a>(
        &'a self,
        cx: &'a Context,
        key: &'a CacheKey,
        entry: &'a SessionEntry,
    ) -> future::StoreSession<'a> {
        future::StoreSession::new(self.store(cx, key, entry))
    }

    fn lease<'a>(&'a self, cx: &'a Context, key: &'a CacheKey) -> future::LeaseSession<'a> {
        // Who gets the lease makes an exchange and stores it.
        self.key.prepare(cx);
        self.cache.lease(cx, key)
    }

    fn release<'a>(
        &'a self,
        cx: &'a Context,
        key: &'a CacheKey,
        lease: Lease,
    ) -> future::ReleaseSession<'a> {
        self.cache.release(cx, key, lease)
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let mut problems = Problems::default();
        problems.take(self.cache.check(cx));
        problems.take(self.key.check(cx));
        problems.finish()
    }

    fn is_shared(&self) -> bool {
        self.cache.is_shared()
    }
}

#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8], key: &CacheKey) {
    if let Some((header, body)) = Header::parse(bytes) {
        let head = header.bytes().expect("what was parsed fits");
        assert!(bytes.starts_with(&head) && head.len() + body.len() == bytes.len());
        assert!(
            cipher::Cipher::new(&[1; 32])
                .open(&header, key, body)
                .is_none()
        );
        let cipher = cipher::Cipher::new(&[1; 32]);
        let sealed = cipher.seal(&header, key, body).expect("the header fits");
        let opened = cipher.open(&header, key, &sealed[head.len()..]);
        assert_eq!(opened.as_deref(), Some(body));
    }
}
