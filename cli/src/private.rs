//! Files and directories that only this user may read.

use aws_lc_rs::rand;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// `bytes` random bytes in hexadecimal.
pub(crate) fn random_hex(bytes: usize) -> io::Result<String> {
    let mut random = vec![0; bytes];
    rand::fill(&mut random).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(random.iter().fold(String::new(), |mut hex, byte| {
        // Formatting into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    }))
}

/// Writes a file that only this user may read, or replaces one.
///
/// Readers see the old or the new content, never a part: it is written beside the file and renamed.
/// A symbolic link is replaced, not followed.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}", random_hex(8)?));
    let temporary = path.with_file_name(temporary);
    let written = create(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort; the first error says more.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Whether there is a directory for the file.
pub(crate) fn check_directory(file: &Path) -> io::Result<()> {
    let file = std::path::absolute(file)?;
    let parent = file.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    match fs::metadata(parent)?.is_dir() {
        true => Ok(()),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

/// Writes a new file that only this user may read.
fn create(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file: File = options.open(path)?;
    // The umask may have taken even the owner's permissions away.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(content)
}

/// A new directory that only this user may enter, removed with its files when dropped.
///
/// It is below `XDG_RUNTIME_DIR`, which is in memory and removed when the user logs out, or else
/// below the directory for temporary files.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    path: PathBuf,
}

impl PrivateDir {
    pub(crate) fn create() -> io::Result<Self> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let runtime = runtime.filter(|path| path.is_absolute());
        let parents = runtime.into_iter().chain([std::env::temp_dir()]);
        let mut failed = io::ErrorKind::NotFound.into();
        for parent in parents {
            let path = parent.join(format!("aws-google-web-identity-{}", random_hex(8)?));
            // It fails when the path exists, so nobody else can have made the directory.
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Writes a file in the directory. Returns its path.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        create(&path, content)?;
        Ok(path)
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        // Nobody can be told any more.
        let _ = fs::remove_dir_all(&self.path);
    }
}
