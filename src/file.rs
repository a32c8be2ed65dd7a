//! Files with credentials and tokens: how they are read, how a change is noticed, how JSON in them
//! is parsed.

pub(crate) mod json;
mod state;
pub(crate) mod text;

pub(crate) use state::FileState;

use crate::error::ErrorKind;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// A credentials file has 2 KiB to 4 KiB, a token at most 20,000 characters.
const MOST: u64 = 64 * 1024;

/// Reads the whole file.
///
/// # Errors
/// `InvalidData` when it is longer than 64 KiB, `InvalidInput` when it is a directory, a device or
/// a named pipe, on which a read could wait forever; otherwise the system's error.
pub(crate) fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Before it is opened: opening a named pipe waits for a writer.
    let kind = std::fs::metadata(path)?.file_type();
    let is_readable = kind.is_file() || is_pipe(kind) && is_inherited(path);
    if !is_readable {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    let mut file = std::fs::File::open(path)?;
    // As long as it will be: a buffer that grows leaves copies behind.
    let length = file.metadata()?.len().min(MOST) + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(length).unwrap_or_default(),
    ));
    (&mut file).take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it has more than 64 KiB",
        ));
    }
    Ok(bytes)
}

/// An open descriptor of this process by name, as the shell's `<(command)` passes one. Its writer
/// is there already, unlike that of a named pipe.
fn is_inherited(path: &Path) -> bool {
    let descriptors = ["/dev/fd", "/proc/self/fd", "/dev/stdin"];
    descriptors.iter().any(|prefix| path.starts_with(prefix))
}

#[cfg(unix)]
fn is_pipe(kind: std::fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
fn is_pipe(_: std::fs::FileType) -> bool {
    false
}

/// What kind of error a file that can't be read is. A file that is not there may be mounted or
/// written in a moment; one of the wrong kind or owner is set up wrongly.
pub(crate) fn error_kind(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput => ErrorKind::Configuration,
        io::ErrorKind::InvalidData => ErrorKind::MalformedResponse,
        _ => ErrorKind::Unavailable,
    }
}

/// Why a file can't be read, and what to do about it.
pub(crate) fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "can't be read: there is no such file; check the path and that \
             the volume or secret is mounted (a relative path starts at the working directory)"
            .to_owned(),
        io::ErrorKind::PermissionDenied => {
            "can't be read: this program's user may not read it".to_owned()
        }
        io::ErrorKind::InvalidInput => {
            "can't be read: it is a directory, a device or a named pipe; a regular file is expected"
                .to_owned()
        }
        io::ErrorKind::InvalidData => "holds more than 64 KiB, which no such file does".to_owned(),
        kind => format!("can't be read: {kind}"),
    }
}

/// Runs blocking work, such as reading a file of a network file system, on a thread for it where
/// there is a tokio runtime, and in place where there is none.
pub(crate) async fn off_runtime<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    match Handle::try_current() {
        Ok(runtime) => Ok(runtime.spawn_blocking(work).await?),
        Err(_) => Ok(work()),
    }
}

/// Runs blocking work on a thread of its own and waits for it at most this long.
///
/// A dead network file system may hold the thread forever. Unlike a thread of the runtime it
/// doesn't keep the runtime from shutting down. The limit needs no timer, which a runtime may lack.
///
/// # Errors
/// `TimedOut`; or the thread can't be started, or the work panicked.
pub(crate) fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, result) = mpsc::channel();
    let thread = std::thread::Builder::new().name("aws-google-web-identity".to_owned());
    thread.spawn(move || done.send(work()))?;
    result.recv_timeout(limit).map_err(|error| match error {
        mpsc::RecvTimeoutError::Timeout => io::ErrorKind::TimedOut.into(),
        mpsc::RecvTimeoutError::Disconnected => io::Error::other("it panicked"),
    })
}

/// Runs blocking work that may hang on a thread of its own. When the future is dropped, the thread
/// goes on, and what it brings is dropped.
///
/// Unlike a thread of the runtime it doesn't keep the runtime from shutting down.
///
/// # Errors
/// The thread can't be started, or the work panicked.
pub(crate) async fn on_own_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name("aws-google-web-identity".to_owned());
    thread.spawn(move || {
        let _ = done.send(work());
    })?;
    result.await.map_err(|_| io::Error::other("it panicked"))
}

#[cfg(test)]
mod tests;
