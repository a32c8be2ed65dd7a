//! A lease: a locked file, which the operating system unlocks when its process ends.

use super::directory::Directory;
use super::times::{Now, Times};
use crate::cache::Lease;
use crate::context::Context;
use crate::error::Error;
use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

/// The locked file.
pub(super) struct Held(File);

impl Drop for Held {
    /// Empties the file before it is unlocked. The next holder locks it before it writes its own
    /// times; a process that reads the file in between must not find the old ones, or the new lease
    /// would seem to have ended.
    fn drop(&mut self) {
        // Should this fail, two processes may get a lease later, which does no harm.
        let _ = self.0.set_len(0);
    }
}

/// The lease, or `None` while another process holds it.
pub(super) fn take(
    directory: &Directory,
    path: &Path,
    cx: &Context,
) -> Result<Option<Held>, Error> {
    // Another process may remove the file between any two steps here. Then what was locked is no
    // longer what the next process finds, and the next attempt starts with the new file.
    for _ in 0..3 {
        let Some(mut file) = directory.open_or_create(path)? else {
            continue;
        };
        match file.try_lock() {
            Ok(()) if directory.is_still_at(&file, path) => {
                // A process that is stopped while it holds the lease must not hold it forever.
                let until = Times::new(&Now::read(cx), Lease::LENGTH).bytes();
                file.set_len(0)
                    .and_then(|()| file.seek(SeekFrom::Start(0)))
                    .and_then(|_| file.write_all(&until))
                    .map_err(|error| directory.failed("write", path, error))?;
                return Ok(Some(Held(file)));
            }
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if has_ended(&mut file, cx) => {
                // Its holder keeps the lock of a file that nobody finds any more. Should two
                // processes get here at once, both get a lease, which does no harm.
                directory.remove(path);
            }
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(directory.failed("lock", path, error)),
        }
    }
    Ok(None)
}

/// Whether the lease that a file records is over. A file that says nothing was locked just now.
fn has_ended(file: &mut File, cx: &Context) -> bool {
    let mut bytes = [0; Times::BYTES];
    let times = match file.read_exact(&mut bytes) {
        Ok(()) => Times::parse(&bytes),
        Err(_) => None,
    };
    times.is_some_and(|(times, _)| times.left(&Now::read(cx)).is_none())
}
