//! A key that the program brings.

use super::cipher::Cipher;
use super::format::{Header, KeyKind};
use super::key_provider::{KeyFuture, KeyProvider};
use crate::context::Context;
use aws_lc_rs::hmac;
use std::sync::Arc;

/// One local key. Its id is a hash of it, so that an entry names its key without giving it away.
#[derive(Debug)]
pub(super) struct LocalSealingKey {
    header: Header,
    cipher: Arc<Cipher>,
}

impl LocalSealingKey {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        // A MAC under the key: it tells keys apart and nothing else about them. A plain hash would
        // do as well for a random key, but let a weak one be guessed together with hashes of it
        // from elsewhere.
        let id = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, key),
            b"aws-google-web-identity sealing key id",
        );
        Self {
            header: Header {
                kind: KeyKind::Local,
                key_info: id.as_ref()[..16].to_vec(),
            },
            cipher: Arc::new(Cipher::new(key)),
        }
    }
}

impl KeyProvider for LocalSealingKey {
    fn sealing<'a>(&'a self, _: &'a Context) -> KeyFuture<'a, (Header, Arc<Cipher>)> {
        let key = (self.header.clone(), self.cipher.clone());
        Box::pin(std::future::ready(Ok(key)))
    }

    fn opening<'a>(
        &'a self,
        _: &'a Context,
        header: &'a Header,
    ) -> KeyFuture<'a, Option<Arc<Cipher>>> {
        let cipher = (*header == self.header).then(|| self.cipher.clone());
        Box::pin(std::future::ready(Ok(cipher)))
    }
}
