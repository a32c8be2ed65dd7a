//! Sessions in a directory, for the processes of one machine.

mod directory;
mod lease;
mod record;
mod sweep;
mod times;

use crate::build_error::BuildError;
use crate::cache::{CacheKey, Lease, SessionCache, SessionEntry, future};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::file::on_own_thread;
use directory::Directory;
use record::Record;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use times::{Now, Times};

/// A file system that hangs holds a thread for each call. With so many held, further calls fail at
/// once.
const MAX_THREADS: usize = 16;

/// Keeps sessions in a directory, for the processes of one user on one machine.
///
/// Each process starts with the session that another one stored: a command that runs often makes no
/// exchange of its own, and processes that start together make one.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_google_web_identity::{FileCache, GoogleWebIdentityProvider};
///
/// let provider = GoogleWebIdentityProvider::builder("arn:aws:iam::123456789012:role/demo")
///     .audience("https://myservice.example.com")
///     .session_cache(FileCache::new("/var/cache/myservice/aws")?)
///     .build()
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// # Who can read it
/// The directory has mode 0700 and its files 0600, and both belong to this process's user. Anything
/// else there is an error, and is not used: a wider mode, another owner, a symbolic link, a file of
/// another kind. The user and root can read the sessions; [`Sealed`](crate::Sealed) hides them from
/// backups as well.
///
/// On Windows the directory inherits the permissions of its parent, and nothing is checked. Put it
/// below the user's own profile (`%LOCALAPPDATA%`).
///
/// # What happens to files
/// A file is replaced by renaming, and checked by a hash when it is read, so that a process or a
/// machine that stops at any moment leaves no half session. Sessions that have expired are removed
/// when others are stored. A lease is a lock of the operating system: it ends with its process.
/// Everything in the directory may be deleted at any time.
///
/// # Time
/// What is left of a session is counted by the machine's uptime where the same boot wrote it, so
/// that setting the clock neither revives an expired session nor discards a valid one. After a
/// reboot, from another container, and on systems other than Linux the wall clock counts, and a
/// session from the future counts as absent.
#[derive(Clone, Debug)]
pub struct FileCache {
    directory: Arc<Directory>,
    threads: Arc<AtomicUsize>,
}

impl FileCache {
    /// Uses this directory, and makes it if there is none.
    ///
    /// # Errors
    /// When it can't be made or written, is no directory or a symbolic link to one, belongs to
    /// another user, or has a mode other than 0700.
    pub fn new(directory: impl AsRef<Path>) -> Result<Self, BuildError> {
        Ok(Self {
            directory: Arc::new(Directory::prepare(directory.as_ref())?),
            threads: Arc::default(),
        })
    }

    /// Runs blocking work on a thread of its own, which may hang.
    async fn run<T: Send + 'static>(
        &self,
        cx: &Context,
        work: impl FnOnce(&Directory, &Context) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (directory, threads, cx) = (self.directory.clone(), self.threads.clone(), cx.clone());
        let running = Running::begin(threads).ok_or_else(|| {
            let what = "calls of the file system hang; is the directory's file system alive?";
            directory.error(ErrorKind::Unavailable, what)
        })?;
        let done = on_own_thread(move || {
            let _running = running;
            work(&directory, &cx)
        });
        done.await.unwrap_or_else(|error| {
            let what = "the cache's thread failed";
            Err(Error::from_message(Stage::Cache, ErrorKind::Unavailable, what).with_source(error))
        })
    }

    async fn load(&self, cx: &Context, key: &CacheKey) -> Result<Option<SessionEntry>, Error> {
        let key = *key;
        self.run(cx, move |directory, cx| {
            let bytes = directory.read(&directory.session(&key))?;
            Ok(bytes.and_then(|bytes| {
                let record = Record::parse(&bytes, &key)?;
                let left = record.times.left(&Now::read(cx))?;
                Some(SessionEntry::new(record.entry.to_vec(), left))
            }))
        })
        .await
    }

    async fn store(&self, cx: &Context, key: &CacheKey, entry: &SessionEntry) -> Result<(), Error> {
        let (key, entry) = (*key, entry.clone());
        self.run(cx, move |directory, cx| {
            // Held while the stored session is compared and replaced, and old files are removed.
            let _lock = directory.lock_for_writing()?;
            let now = &Now::read(cx);
            let path = directory.session(&key);
            let stored = directory.read(&path)?;
            let stored = stored.and_then(|bytes| Record::parse(&bytes, &key)?.times.left(now));
            if stored.is_none_or(|left| left < entry.left()) {
                let times = Times::new(now, entry.left());
                directory.replace(&path, &Record::bytes(&times, entry.expose(), &key))?;
            }
            sweep::remove_old(directory, now);
            Ok(())
        })
        .await
    }

    async fn lease(&self, cx: &Context, key: &CacheKey) -> Result<Option<Lease>, Error> {
        let key = *key;
        self.run(cx, move |directory, cx| {
            Ok(lease::take(directory, &directory.lease(&key), cx)?.map(Lease::guard))
        })
        .await
    }
}

impl SessionCache for FileCache {
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
        future::LeaseSession::new(self.lease(cx, key))
    }

    /// Drops the locked file, which unlocks it.
    fn release<'a>(
        &'a self,
        _: &'a Context,
        _: &'a CacheKey,
        lease: Lease,
    ) -> future::ReleaseSession<'a> {
        drop(lease);
        future::ReleaseSession::ready(Ok(()))
    }

    /// Checks the directory again: its mode may have changed since.
    fn check(&self, _: &Context) -> Result<(), BuildError> {
        self.directory.check()
    }

    /// A directory that several machines mount is shared as well, but must not be used: see
    /// [`FileCache`].
    fn is_shared(&self) -> bool {
        false
    }
}

/// Counts the threads at work.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn begin(threads: Arc<AtomicUsize>) -> Option<Self> {
        let before = threads.fetch_add(1, Ordering::Relaxed);
        let running = Self(threads);
        (before < MAX_THREADS).then_some(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8], key: &CacheKey) {
    assert!(
        Record::parse(bytes, key).is_none(),
        "a hash that nobody computed"
    );
    let _ = Record::times(bytes);
}
