//! The seam between sealing and where its keys come from.

use super::cipher::Cipher;
use super::format::Header;
use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::Error;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

pub(in crate::cache) type KeyFuture<'a, T> =
    Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A source of keys for sealing and opening.
///
/// A call of the cache is dropped after 240 ms. A provider that needs a server makes its request in
/// a task of its own, so that a later call finds the answer.
pub(in crate::cache) trait KeyProvider: Debug + Send + Sync {
    /// Gets ready to seal: a session may be stored soon. Returns at once.
    fn prepare(&self, cx: &Context) {
        let _ = cx;
    }

    /// What is wrong with the setup of the keys.
    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let _ = cx;
        Ok(())
    }

    /// The key to seal with, and the header that names it.
    fn sealing<'a>(&'a self, cx: &'a Context) -> KeyFuture<'a, (Header, Arc<Cipher>)>;

    /// The key that an entry with this header was sealed with; `None` when it is none of this
    /// provider's.
    fn opening<'a>(
        &'a self,
        cx: &'a Context,
        header: &'a Header,
    ) -> KeyFuture<'a, Option<Arc<Cipher>>>;
}
