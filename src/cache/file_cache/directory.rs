//! The directory: whose it is, and how its files are opened, replaced and locked.

use super::record::Record;
use crate::build_error::BuildError;
use crate::cache::CacheKey;
use crate::error::{Error, ErrorKind, Stage};
use crate::redact::ShownPath;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The extensions of a session, of a file that is not yet one, and of a lease.
pub(super) const SESSION: &str = "session";
pub(super) const UNFINISHED: &str = "tmp";
pub(super) const LEASE: &str = "lease";

/// Locked by the process that writes.
const WRITING: &str = "writing.lock";

/// A directory that belongs to this process's user alone.
#[derive(Debug)]
pub(super) struct Directory {
    path: ShownPath,
    /// The user of this process.
    #[cfg(unix)]
    user: u32,
}

impl Directory {
    /// Makes the directory if there is none, and checks it.
    pub(super) fn prepare(path: &Path) -> Result<Self, BuildError> {
        let shown = ShownPath::new(path);
        let wrong = |what: String| BuildError::new("FileCache::new", what);
        if let Some(kind) = shown.secret_kind() {
            let what = format!("was given {kind} (not shown); the path of a directory is expected");
            return Err(wrong(what));
        }
        if path.as_os_str().is_empty() {
            let what = "was given an empty path; the path of a directory is expected";
            return Err(wrong(what.to_owned()));
        }
        let failed = |what: &str, error: io::Error| {
            let what = format!("can't {what} the directory {shown}: {}", error.kind());
            wrong(what).with_source(error)
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        // A link to nowhere or a file in its place is reported below, as what it is.
        if fs::symlink_metadata(path).is_err() {
            builder
                .create(path)
                .map_err(|error| failed("make", error))?;
        }
        // Before anything is written there.
        let found = fs::symlink_metadata(path).map_err(|error| failed("read", error))?;
        if let Some(what) = wrong_kind(&found, found.is_dir(), "a directory") {
            return Err(wrong(format!("{shown} {what}")));
        }
        let directory = Self {
            #[cfg(unix)]
            user: user_of_this_process(path, &shown)?,
            path: shown.clone(),
        };
        directory.check()?;
        Ok(directory)
    }

    pub(super) fn check(&self) -> Result<(), BuildError> {
        self.problem()
            .map_or(Ok(()), |what| Err(BuildError::new("FileCache::new", what)))
    }

    /// Why nothing in the directory is to be believed.
    fn problem(&self) -> Option<String> {
        let path = &self.path;
        match fs::symlink_metadata(path.as_path()) {
            Err(error) => Some(format!("can't read the directory {path}: {}", error.kind())),
            Ok(found) => {
                let what = self.distrust(&found, found.is_dir(), "a directory", 0o700)?;
                Some(format!("{path} {what}"))
            }
        }
    }

    /// What is wrong with a file or directory of these facts.
    fn distrust(&self, found: &Metadata, is_kind: bool, kind: &str, mode: u32) -> Option<String> {
        if let Some(what) = wrong_kind(found, is_kind, kind) {
            return Some(what);
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            if found.uid() != self.user {
                return Some(format!(
                    "belongs to the user with the id {}, and this process runs as {}; name another \
                     directory",
                    found.uid(),
                    self.user
                ));
            }
            if found.mode() & 0o077 != 0 {
                return Some(format!(
                    "has mode {:04o}, which lets other users in; {mode:04o} is expected: remove it, or \
                     `chmod {mode:o}` it if nobody else wrote to it",
                    found.mode() & 0o7777
                ));
            }
        }
        #[cfg(not(unix))]
        let _ = mode;
        None
    }

    pub(super) fn session(&self, key: &CacheKey) -> PathBuf {
        self.path.as_path().join(format!("{key}.{SESSION}"))
    }

    pub(super) fn lease(&self, key: &CacheKey) -> PathBuf {
        self.path.as_path().join(format!("{key}.{LEASE}"))
    }

    /// Every file, of any owner.
    pub(super) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let entries = fs::read_dir(self.path.as_path()).into_iter().flatten();
        entries.filter_map(|entry| Some(entry.ok()?.path()))
    }

    /// Opens a file if it is there and only this user can have written it.
    ///
    /// The directory and the file's kind are checked by name before it is opened: opening a named
    /// pipe waits for a writer. Nobody else can change what the name stands for in between, since
    /// the directory belongs to this user alone.
    pub(super) fn open(&self, path: &Path) -> Result<Option<File>, Error> {
        self.must_be_private()?;
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed("read", path, error)),
            Ok(found) => self.must_be_trusted(path, &found)?,
        }
        // For a lock on a network file system the file must be writable. A session must be readable
        // on a file system that has become read-only.
        let is_session = path.extension().is_some_and(|it| it == SESSION);
        match OpenOptions::new().read(true).write(!is_session).open(path) {
            Ok(file) => {
                // Once more, by the open file: where others can write to the directory's parent,
                // they can exchange the directory in between.
                let found = file.metadata();
                let found = found.map_err(|error| self.failed("read", path, error))?;
                self.must_be_trusted(path, &found)?;
                Ok(Some(file))
            }
            // Removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", path, error)),
        }
    }

    /// Opens a file, or makes an empty one. `None` if it comes and goes.
    pub(super) fn open_or_create(&self, path: &Path) -> Result<Option<File>, Error> {
        if let Some(file) = self.open(path)? {
            return Ok(Some(file));
        }
        match create_new(path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.open(path),
            Err(error) => Err(self.failed("make", path, error)),
        }
    }

    /// The content of a session's file, if there is one. One that is too long counts as absent.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let Some(file) = self.open(path)? else {
            return Ok(None);
        };
        let failed = |error| self.failed("read", path, error);
        let length = file.metadata().map_err(failed)?.len();
        let most = Record::MAX_BYTES as u64;
        if length > most {
            return Ok(None);
        }
        let capacity = usize::try_from(length).unwrap_or_default() + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
        file.take(most).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Some(bytes))
    }

    /// Replaces a file as a whole. The caller holds the lock for writing.
    ///
    /// Nothing is synced to the disk: after a crash of the machine the file may be empty or half
    /// written, and its hash tells. A sync would cost every exchange milliseconds.
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let unfinished = path.with_extension(UNFINISHED);
        // Left by a process that was killed while it wrote.
        self.remove(&unfinished);
        let written = create_new(&unfinished)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&unfinished, path));
        written.map_err(|error| {
            self.remove(&unfinished);
            self.failed("write", path, error)
        })
    }

    /// `None` while another process writes.
    pub(super) fn lock_for_writing(&self) -> Result<Option<File>, Error> {
        let path = self.path.as_path().join(WRITING);
        let file = self.open_or_create(&path)?.ok_or_else(|| {
            let gone = io::ErrorKind::NotFound.into();
            self.failed("lock", &path, gone)
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.failed("lock", &path, error)),
        }
    }

    /// Removes a file. If that fails, it is there the next time.
    pub(super) fn remove(&self, path: &Path) {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::debug!(path = %ShownPath::new(path), %error, "could not remove a file of the cache");
            }
            _ => {}
        }
    }

    /// Whether the path still leads to this open file.
    pub(super) fn is_still_at(&self, file: &File, path: &Path) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let facts = |found: Metadata| (found.dev(), found.ino());
            let (open, named) = (file.metadata().map(facts), fs::metadata(path).map(facts));
            matches!((open, named), (Ok(open), Ok(named)) if open == named)
        }
        // A file that is open can't be removed there and made anew.
        #[cfg(not(unix))]
        {
            let _ = file;
            path.exists()
        }
    }

    fn must_be_private(&self) -> Result<(), Error> {
        let problem = self.problem();
        problem.map_or(Ok(()), |what| {
            Err(self.error(ErrorKind::Configuration, what))
        })
    }

    fn must_be_trusted(&self, path: &Path, found: &Metadata) -> Result<(), Error> {
        let Some(what) = self.distrust(found, found.is_file(), "a regular file", 0o600) else {
            return Ok(());
        };
        let what = format!("the file {} {what}", ShownPath::new(path));
        Err(self.error(ErrorKind::Configuration, what))
    }

    pub(super) fn failed(&self, what: &str, path: &Path, error: io::Error) -> Error {
        let path = ShownPath::new(path);
        let what = format!("can't {what} {path}: {}", error.kind());
        self.error(ErrorKind::Unavailable, what).with_source(error)
    }

    pub(super) fn error(&self, kind: ErrorKind, what: impl Into<String>) -> Error {
        Error::from_message(Stage::Cache, kind, what)
            .with_detail("directory", &self.path.to_string())
    }
}

fn wrong_kind(found: &Metadata, is_kind: bool, kind: &str) -> Option<String> {
    if found.file_type().is_symlink() {
        return Some("is a symbolic link, which is not followed".to_owned());
    }
    (!is_kind).then(|| format!("is not {kind}"))
}

fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The user that files of this process belong to: the owner of one that it makes. The standard
/// library has no other way to ask. It also shows that the directory can be written.
#[cfg(unix)]
fn user_of_this_process(directory: &Path, shown: &ShownPath) -> Result<u32, BuildError> {
    use std::os::unix::fs::MetadataExt;
    // No other process may have the same name: those of several containers share their ids.
    let probe = directory.join(format!("{:016x}.{UNFINISHED}", fastrand::u64(..)));
    let user = create_new(&probe).and_then(|file| Ok(file.metadata()?.uid()));
    let _ = fs::remove_file(&probe);
    user.map_err(|error| {
        let what = format!("can't write to the directory {shown}: {}", error.kind());
        BuildError::new("FileCache::new", what).with_source(error)
    })
}
