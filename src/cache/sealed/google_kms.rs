//! Data keys that Cloud KMS wraps.
//!
//! Each writer has a random data key of its own, which KMS encrypts once. The encrypted (wrapped)
//! data key is in the header of every entry that it sealed. A reader has KMS decrypt it, once, and
//! keeps the result in memory.

use super::cipher::Cipher;
use super::format::{Header, KeyKind};
use super::key_provider::{KeyFuture, KeyProvider};
use crate::build_error::BuildError;
use crate::cache::slot::{Age, Slot};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::kms::KmsClient;
use crate::token::ProvideAccessToken;
use aws_lc_rs::{digest, rand};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use zeroize::Zeroizing;

/// Additional data of a wrapped key: KMS opens nothing else for us, and nothing of ours for others.
const WRAPPED: &[u8] = b"aws-google-web-identity data key 1";
/// A writer takes a new data key after this long, as one does for a key in memory. The old one
/// seals until KMS has wrapped the new one.
const ROTATE_AFTER: Duration = Duration::from_secs(24 * 3600);
/// While KMS fails the old one serves this much longer.
const GRACE: Duration = Duration::from_secs(24 * 3600);
/// KMS is asked again this long after an attempt that failed.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// Data keys of other writers in memory. Beyond it, the one that was used least recently goes.
const MAX_OTHERS: usize = 256;

/// A symmetric key of Google's Cloud KMS, to seal entries with:
/// `SealingKey::from(GoogleKms::new(…))`.
///
/// [`SealingKey::google_kms`](crate::SealingKey::google_kms) does the same in one step.
#[derive(Clone, Debug)]
pub struct GoogleKms(KmsClient);

impl GoogleKms {
    /// The key of this resource name, `projects/*/locations/*/keyRings/*/cryptoKeys/*`. The account
    /// of the access tokens needs `roles/cloudkms.cryptoKeyEncrypterDecrypter` on it.
    pub fn new(name: impl AsRef<str>, access: impl ProvideAccessToken + 'static) -> Self {
        Self(KmsClient::new(name.as_ref(), Arc::new(access)))
    }

    /// Replaces the origin `https://cloudkms.googleapis.com`: https, or http on loopback.
    #[must_use]
    pub fn endpoint(mut self, uri: impl AsRef<str>) -> Self {
        self.0.set_endpoint(uri.as_ref());
        self
    }

    pub(super) fn into_provider(self) -> KmsKeys {
        let hash = digest::digest(&digest::SHA256, self.0.name().as_bytes());
        let mut id = [0; 8];
        id.copy_from_slice(&hash.as_ref()[..8]);
        KmsKeys {
            client: Arc::new(self.0),
            id,
            own: Slot::new(RETRY_AFTER, RETRY_AFTER),
            others: Mutex::default(),
        }
    }
}

/// A data key that seals.
#[derive(Clone)]
struct DataKey {
    header: Header,
    cipher: Arc<Cipher>,
    /// By the monotonic clock.
    made: Duration,
}

/// The data keys of one KMS key.
pub(super) struct KmsKeys {
    client: Arc<KmsClient>,
    /// The beginning of a hash of the KMS key's name, so that the entries of another key are not
    /// sent to this one.
    id: [u8; 8],
    own: Slot<DataKey>,
    others: Mutex<Others>,
}

type Unwrapped = Arc<Slot<Arc<Cipher>>>;

/// The data keys of other writers, by wrapped key.
#[derive(Default)]
struct Others {
    /// Each with the number of its last use.
    keys: HashMap<Vec<u8>, (u64, Unwrapped)>,
    uses: u64,
}

impl Others {
    fn slot(&mut self, wrapped: &[u8]) -> Unwrapped {
        self.uses += 1;
        let uses = self.uses;
        if let Some((used, slot)) = self.keys.get_mut(wrapped) {
            *used = uses;
            return slot.clone();
        }
        if self.keys.len() >= MAX_OTHERS {
            let oldest = self.keys.iter().min_by_key(|(_, (used, _))| *used);
            if let Some(oldest) = oldest.map(|(wrapped, _)| wrapped.clone()) {
                self.keys.remove(&oldest);
            }
        }
        let slot = Arc::new(Slot::new(RETRY_AFTER, RETRY_AFTER));
        self.keys.insert(wrapped.to_vec(), (uses, slot.clone()));
        slot
    }
}

impl KmsKeys {
    fn age(now: Duration) -> impl Fn(&DataKey) -> Age {
        move |key| match now.saturating_sub(key.made) {
            age if age < ROTATE_AFTER => Age::Fresh,
            age if age < ROTATE_AFTER + GRACE => Age::Due,
            _ => Age::Over,
        }
    }

    /// Makes a data key and has KMS wrap it.
    fn wrap(&self, cx: &Context) -> impl Future<Output = Result<DataKey, Error>> + Send + 'static {
        let (client, id, cx) = (self.client.clone(), self.id, cx.clone());
        async move {
            let mut key = Zeroizing::new([0; 32]);
            rand::fill(&mut *key).map_err(|_| {
                let what = "the system has no random bytes for a data key";
                Error::from_message(Stage::Cache, ErrorKind::Unavailable, what)
            })?;
            let wrapped = client.encrypt(&cx, &*key, WRAPPED).await?;
            Ok(DataKey {
                header: Header {
                    kind: KeyKind::GoogleKms,
                    key_info: [&id[..], &wrapped].concat(),
                },
                cipher: Arc::new(Cipher::new(&key)),
                made: cx.clocks().elapsed(),
            })
        }
    }

    fn unwrap(
        &self,
        cx: &Context,
        wrapped: &[u8],
    ) -> impl Future<Output = Result<Arc<Cipher>, Error>> + Send + 'static {
        let (client, wrapped, cx) = (self.client.clone(), wrapped.to_vec(), cx.clone());
        async move {
            let key = client.decrypt(&cx, &wrapped, WRAPPED).await?;
            match <&[u8; 32]>::try_from(&key[..]) {
                Ok(key) => Ok(Arc::new(Cipher::new(key))),
                Err(_) => Err(Error::from_message(
                    Stage::Cache,
                    ErrorKind::MalformedResponse,
                    "the data key that Cloud KMS decrypted does not have 32 bytes",
                )),
            }
        }
    }

    async fn opening(&self, cx: &Context, header: &Header) -> Result<Option<Arc<Cipher>>, Error> {
        let wrapped = match header.key_info.strip_prefix(&self.id) {
            Some(wrapped) if header.kind == KeyKind::GoogleKms => wrapped,
            _ => return Ok(None),
        };
        if let Some(own) = self.own.peek().filter(|own| own.header == *header) {
            return Ok(Some(own.cipher));
        }
        let slot = {
            let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            others.slot(wrapped)
        };
        slot.get(
            cx.clocks().elapsed(),
            |_| Age::Fresh,
            || self.unwrap(cx, wrapped),
        )
        .await
        .map(Some)
    }
}

impl KeyProvider for KmsKeys {
    fn prepare(&self, cx: &Context) {
        let now = cx.clocks().elapsed();
        self.own.prepare(now, Self::age(now), || self.wrap(cx));
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.client.check(cx)
    }

    fn sealing<'a>(&'a self, cx: &'a Context) -> KeyFuture<'a, (Header, Arc<Cipher>)> {
        Box::pin(async {
            let now = cx.clocks().elapsed();
            let own = self.own.get(now, Self::age(now), || self.wrap(cx)).await?;
            Ok((own.header, own.cipher))
        })
    }

    fn opening<'a>(
        &'a self,
        cx: &'a Context,
        header: &'a Header,
    ) -> KeyFuture<'a, Option<Arc<Cipher>>> {
        Box::pin(self.opening(cx, header))
    }
}

impl std::fmt::Debug for KmsKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KmsKeys")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
