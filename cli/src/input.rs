//! Files that an option or a variable names.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

/// Opens a file. As in the library, no named pipe, on which that waits for a writer, and no device,
/// which may never end; but a pipe that the shell's `<(command)` passes.
///
/// # Errors
/// `InvalidInput` for what is no file; otherwise the system's error.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let kind = fs::metadata(path)?.file_type();
    let passed = ["/dev/fd", "/proc/self/fd", "/dev/stdin"];
    let is_passed = || passed.iter().any(|prefix| path.starts_with(prefix));
    if kind.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else if kind.is_file() || kind.is_fifo() && is_passed() {
        File::open(path)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a device or a named pipe; a regular file is expected",
        ))
    }
}
