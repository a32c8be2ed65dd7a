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
use std::time::Duration;
use times::{Now, Times};
use tokio::sync::Semaphore;

/// A file system that hangs holds a thread for each call. Further calls wait, which their callers
/// do not do for long.
const MAX_THREADS: usize = 16;
/// The pause before the next attempt to write, while another process writes. It needs less than a
/// millisecond, unless it is stopped.
const WRITE_AGAIN: Duration = Duration::from_millis(5);

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
/// that setting the clock by up to 6 h neither revives an expired session nor discards a valid one.
/// After a reboot, from another container, and on systems other than Linux the wall clock counts,
/// and a session from the future counts as absent.
///
/// A virtual machine that is restored from a snapshot goes on with the uptime of the snapshot. Once
/// its wall clock has been set, sessions that were stored more than 6 h before count by the wall
/// clock. A younger snapshot can hold sessions that have expired and seem to be valid: empty the
/// directory before taking one.
///
/// # One machine
/// Do not use a directory that several machines mount: their wall clocks may differ, and a session
/// could be used after it has expired. `RedisCache` is for several machines.
#[derive(Clone, Debug)]
pub struct FileCache {
    directory: Arc<Directory>,
    threads: Arc<Semaphore>,
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
            threads: Arc::new(Semaphore::new(MAX_THREADS)),
        })
    }

    /// Runs blocking work on a thread of its own, which may hang.
    async fn run<T: Send + 'static>(
        &self,
        cx: &Context,
        work: impl FnOnce(&Directory, &Context) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (directory, threads, cx) = (self.directory.clone(), self.threads.clone(), cx.clone());
        // Nobody closes the semaphore.
        let permit = threads.acquire_owned().await.ok();
        let done = on_own_thread(move || {
            let _permit = permit;
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
        let asked = cx.clocks().now();
        loop {
            let (key, entry) = (*key, entry.clone());
            let attempt = move |directory: &Directory, cx: &Context| {
                // Held while the stored session is compared and replaced, and old files are
                // removed. Waiting for it here would hold a thread for as long as another process
                // is stopped.
                let Some(_lock) = directory.lock_for_writing()? else {
                    return Ok(false);
                };
                let now = &Now::read(cx);
                // This thread may have waited for a file system that hung, or while the process was
                // stopped, long after the caller has gone on.
                let left = entry.left().saturating_sub(asked.age(&cx.clocks().now()));
                let path = directory.session(&key);
                let stored = directory.read(&path)?;
                let stored = stored.and_then(|bytes| Record::parse(&bytes, &key)?.times.left(now));
                if !left.is_zero() && stored.is_none_or(|stored| stored < left) {
                    let times = Times::new(now, left);
                    directory.replace(&path, &Record::bytes(&times, entry.expose(), &key))?;
                }
                sweep::remove_old(directory, now);
                Ok(true)
            };
            if self.run(cx, attempt).await? {
                return Ok(());
            }
            cx.clocks().sleep(WRITE_AGAIN).await;
        }
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
        cx: &'a Context,
        _: &'a CacheKey,
        lease: Lease,
    ) -> future::ReleaseSession<'a> {
        let drop_it = move |_: &Directory, _: &Context| {
            drop(lease);
            Ok(())
        };
        future::ReleaseSession::new(self.run(cx, drop_it))
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

#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8], key: &CacheKey) {
    assert!(
        Record::parse(bytes, key).is_none(),
        "a hash that nobody computed"
    );
    let _ = Record::times(bytes);
    record::fuzz(bytes, key);
}
