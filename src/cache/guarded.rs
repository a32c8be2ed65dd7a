//! A cache that can do no harm: bounded, caught, and quiet.

use crate::aws::session::Session;
use crate::build_error::{BuildError, Problems};
use crate::cache::session::CachedSession;
use crate::cache::{CacheKey, Lease, SessionCache, SessionEntry};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use std::error::Error as _;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// A call of the cache may take this long. A store in the same network answers within a few
/// milliseconds, and an exchange takes some 100 ms: a slower cache is of no use. A dead cache adds
/// at most 250 ms to a cold start; the rest is for timers, which end late.
pub(super) const PATIENCE: Duration = Duration::from_millis(240);
/// The cache's failures are reported at most this often.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The user's cache. Whatever it does, a call returns within [`PATIENCE`] and its failure is no
/// more than `None` and, at most once in [`WARN_EVERY`], a warning.
///
/// Code that blocks the thread can't be interrupted, as in a source.
pub(crate) struct GuardedCache {
    cache: Box<dyn SessionCache>,
    /// When the last warning was logged, by the monotonic clock.
    warned_at: Mutex<Option<Duration>>,
}

impl GuardedCache {
    pub(crate) fn new(cache: impl SessionCache + 'static) -> Self {
        Self {
            cache: Box::new(cache),
            warned_at: Mutex::default(),
        }
    }

    /// Whether other machines use the same store.
    pub(crate) fn is_shared(&self) -> bool {
        self.cache.is_shared()
    }

    /// What is wrong with the cache's setup.
    pub(crate) fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let mut problems = Problems::default();
        problems.take(self.cache.check(cx));
        if self.cache.requires_sealing() {
            problems.add(BuildError::new(
                "session_cache",
                "the cache takes only sealed entries, because others than this program read its \
                 store; wrap it: session_cache(Sealed::new(cache, SealingKey::local(key)))",
            ));
        }
        problems.finish()
    }

    /// Begins to use the cache for one fetch.
    pub(crate) fn visit<'a>(&'a self, cx: &'a Context, key: CacheKey) -> Visit<'a> {
        Visit {
            guarded: self,
            cx,
            key,
            is_dead: false,
        }
    }

    async fn call<T>(
        &self,
        cx: &Context,
        what: &str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Failure> {
        let mut call = pin!(call);
        // Unwind safety: a future that has panicked is not polled again.
        let call = poll_fn(|task| {
            catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(task))).unwrap_or_else(|_| {
                Poll::Ready(Err(failure(ErrorKind::Unavailable, "it panicked")))
            })
        });
        let (error, failure) = tokio::select! {
            biased;
            result = call => match result {
                Ok(value) => return Ok(value),
                Err(error) => (error, Failure::Failed),
            },
            () = cx.clocks().sleep(PATIENCE) => {
                let message = format!("no answer within {} ms", PATIENCE.as_millis());
                (failure(ErrorKind::Timeout, message), Failure::TimedOut)
            }
        };
        self.report(cx, what, &error);
        Err(failure)
    }

    fn report(&self, cx: &Context, what: &str, error: &Error) {
        let now = cx.clocks().elapsed();
        let is_due = {
            let mut warned_at = self
                .warned_at
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let is_due = warned_at.is_none_or(|at| now.saturating_sub(at) >= WARN_EVERY);
            if is_due {
                *warned_at = Some(now);
            }
            is_due
        };
        let causes = std::iter::successors(error.source(), |&error| error.source());
        let causes: Vec<_> = causes.map(ToString::to_string).collect();
        let causes = causes.join(": ");
        if is_due {
            tracing::warn!(
                %error,
                hint = error.hint(),
                causes,
                "could not {what}; going on without the session cache; reported at most once a minute"
            );
        } else {
            tracing::debug!(%error, hint = error.hint(), causes, "could not {what}");
        }
    }
}

fn failure(kind: ErrorKind, message: impl Into<String>) -> Error {
    Error::from_message(Stage::Cache, kind, message)
}

impl fmt::Debug for GuardedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cache.fmt(f)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Failure {
    Failed,
    TimedOut,
}

/// Who makes the exchange.
#[derive(Debug)]
pub(crate) enum Leased {
    ToUs(Lease),
    ToAnother,
    /// The cache failed.
    Unknown,
}

/// The use of the cache by one fetch, under one key. After a failure it asks the cache no more.
pub(crate) struct Visit<'a> {
    guarded: &'a GuardedCache,
    cx: &'a Context,
    key: CacheKey,
    is_dead: bool,
}

impl Visit<'_> {
    /// The session in the cache, unless there is none or it can't be read.
    pub(crate) async fn load(&mut self) -> Option<CachedSession> {
        if self.is_dead {
            return None;
        }
        let asked = self.cx.clocks().now();
        let load = async { self.guarded.cache.load(self.cx, &self.key).await };
        let loaded = self.guarded.call(self.cx, "load a session", load).await;
        self.is_dead = loaded.is_err();
        let entry = loaded.ok()??;
        // The store measured at some moment since; the earliest one is the safe one.
        let now = self.cx.clocks().now();
        let left = entry.left().checked_sub(asked.age(&now))?;
        if left.is_zero() || left > SessionEntry::MAX_LEFT {
            return None;
        }
        let entry = SessionEntry::new(entry.expose(), left);
        let cached = CachedSession::of_entry(&entry, &self.key, now.wall);
        if cached.is_none() {
            tracing::debug!(key = %self.key, "the cached entry is not of this version, or damaged; it counts as absent");
        }
        cached
    }

    pub(crate) async fn lease(&mut self) -> Leased {
        if self.is_dead {
            return Leased::Unknown;
        }
        let lease = async { self.guarded.cache.lease(self.cx, &self.key).await };
        match self.guarded.call(self.cx, "take a lease", lease).await {
            Ok(Some(lease)) => Leased::ToUs(lease),
            Ok(None) => Leased::ToAnother,
            Err(_) => {
                self.is_dead = true;
                Leased::Unknown
            }
        }
    }

    /// Stores the session, unless the cache has failed already.
    pub(crate) async fn store(&mut self, session: &Session, left: Duration) {
        // The store starts to measure up to `PATIENCE` later than this.
        let left = left.saturating_sub(PATIENCE).min(SessionEntry::MAX_LEFT);
        if self.is_dead || left.is_zero() {
            return;
        }
        let entry = CachedSession::to_entry(session, left, &self.key);
        let store = async { self.guarded.cache.store(self.cx, &self.key, &entry).await };
        let stored = self.guarded.call(self.cx, "store a session", store).await;
        // A store that is full still gives the lease back.
        self.is_dead = stored == Err(Failure::TimedOut);
    }

    pub(crate) async fn release(&mut self, lease: Lease) {
        if self.is_dead {
            return;
        }
        let release = async { self.guarded.cache.release(self.cx, &self.key, lease).await };
        let released = self
            .guarded
            .call(self.cx, "give a lease back", release)
            .await;
        self.is_dead = released.is_err();
    }
}
