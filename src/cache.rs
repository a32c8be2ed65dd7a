//! Sessions outside the process, so that many processes share one exchange.
//!
//! A [`SessionCache`] is a store with four operations. `guarded` bounds each of its calls, catches
//! its panics and limits its warnings. `key` and `session` turn sessions into keys and entries.
//! [`Sealed`] encrypts entries.

mod entry;
mod file_cache;
pub(crate) mod future;
mod guarded;
mod key;
mod lease;
#[cfg(feature = "redis_1")]
mod redis;
mod sealed;
mod session;
mod slot;

pub use entry::SessionEntry;
pub use file_cache::FileCache;
pub(crate) use guarded::{GuardedCache, Leased, Visit};
pub use key::CacheKey;
pub(crate) use key::KeyBase;
pub use lease::Lease;
#[cfg(feature = "redis_1")]
pub use redis::{RedisCache, RedisCacheBuilder};
pub use sealed::{GoogleKms, Sealed, SealingKey};
pub(crate) use session::CachedSession;

use crate::build_error::BuildError;
use crate::context::Context;
use std::fmt::Debug;
use std::sync::Arc;

/// A store that keeps sessions outside the process.
///
/// [`FileCache`](crate::FileCache) serves the processes of one machine. [`Sealed`] encrypts what
/// another cache stores. Set a cache with
/// [`Builder::session_cache`](crate::Builder::session_cache).
///
/// # How it is used
/// A fetch of the provider loads the entry. If there is none that is good enough, it takes the
/// lease, loads again, exchanges, stores and releases. The cache is never needed: each call may
/// take 250 ms, after which its future is dropped; after the first call that fails or takes longer,
/// the fetch goes on as if there were no cache. At most one warning a minute reports it. A panic
/// counts as a failure. Work that must outlive a dropped future belongs in a task of its own.
///
/// # What an implementation must do
/// - Keep entries secret, or take only sealed ones ([`requires_sealing`](Self::requires_sealing)).
///   An unsealed entry holds the keys of the session in clear.
/// - Measure itself what is left of an entry's life. The local clocks of its users may be wrong.
/// - Never let a session replace one that lives longer.
///
/// `Debug` must hide secrets, as that of [`SessionEntry`] does.
pub trait SessionCache: Debug + Send + Sync {
    /// The entry under this key, with what is left of its life, or `None`.
    ///
    /// # Errors
    /// When the store can't tell. An entry that is damaged is not an error: it counts as absent.
    fn load<'a>(&'a self, cx: &'a Context, key: &'a CacheKey) -> future::LoadSession<'a>;

    /// Stores the entry for what is left of its life, unless the stored one lives longer. To
    /// compare and replace is one atomic step, since several processes may store at the same time.
    ///
    /// # Errors
    /// When the entry may not have been stored. That an entry that lives longer was kept is a
    /// success.
    fn store<'a>(
        &'a self,
        cx: &'a Context,
        key: &'a CacheKey,
        entry: &'a SessionEntry,
    ) -> future::StoreSession<'a>;

    /// Takes the lease of this key if nobody has it. Its holder makes the exchange for all.
    ///
    /// A lease ends by itself after [`Lease::LENGTH`], or earlier if its holder is known to have
    /// ended.
    ///
    /// # Errors
    /// When the store can't tell who has it.
    fn lease<'a>(&'a self, cx: &'a Context, key: &'a CacheKey) -> future::LeaseSession<'a>;

    /// Gives the lease back, unless it has ended and another process has it by now.
    ///
    /// # Errors
    /// When the lease may still be there. It ends by itself.
    fn release<'a>(
        &'a self,
        cx: &'a Context,
        key: &'a CacheKey,
        lease: Lease,
    ) -> future::ReleaseSession<'a>;

    /// Reports what is wrong with the setup of the cache; `build` calls it, on a thread of its own
    /// and for at most 10 s.
    ///
    /// # Errors
    /// Every problem that shows without I/O beyond local files.
    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let _ = cx;
        Ok(())
    }

    /// Whether other machines use the same store. `true` unless it is overridden.
    ///
    /// A store of one machine lets a source tell its identity by the machine, without asking the
    /// metadata server.
    fn is_shared(&self) -> bool {
        true
    }

    /// Whether the store takes only sealed entries. `build` then refuses it unless it is wrapped in
    /// [`Sealed`]. `false` unless it is overridden.
    fn requires_sealing(&self) -> bool {
        false
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: SessionCache + ?Sized> SessionCache for $pointer {
            fn load<'a>(&'a self, cx: &'a Context, key: &'a CacheKey) -> future::LoadSession<'a> {
                (**self).load(cx, key)
            }

            fn store<'a>(
                &'a self,
                cx: &'a Context,
                key: &'a CacheKey,
                entry: &'a SessionEntry,
            ) -> future::StoreSession<'a> {
                (**self).store(cx, key, entry)
            }

            fn lease<'a>(&'a self, cx: &'a Context, key: &'a CacheKey) -> future::LeaseSession<'a> {
                (**self).lease(cx, key)
            }

            fn release<'a>(
                &'a self,
                cx: &'a Context,
                key: &'a CacheKey,
                lease: Lease,
            ) -> future::ReleaseSession<'a> {
                (**self).release(cx, key, lease)
            }

            fn check(&self, cx: &Context) -> Result<(), BuildError> {
                (**self).check(cx)
            }

            fn is_shared(&self) -> bool {
                (**self).is_shared()
            }

            fn requires_sealing(&self) -> bool {
                (**self).requires_sealing()
            }
        }
    )*};
}
forward!(Arc<T>, Box<T>);

#[cfg(fuzzing)]
pub(crate) fn fuzz(bytes: &[u8]) {
    use std::time::{Duration, SystemTime};
    let key = CacheKey::from_bytes([7; 32]);
    let entry = SessionEntry::new(bytes, Duration::from_secs(60));
    let session = CachedSession::of_entry(&entry, &key, SystemTime::UNIX_EPOCH);
    assert!(session.is_none(), "a hash that nobody computed");
    session::fuzz(bytes, &key);
    sealed::fuzz(bytes, &key);
    file_cache::fuzz(bytes, &key);
}
