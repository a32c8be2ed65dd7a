//! Removes what nobody needs any more.

use super::directory::{Directory, LEASE, SESSION, UNFINISHED};
use super::record::Record;
use super::times::Now;
use std::io::Read;
use std::path::Path;

/// A directory of more files is not looked through. A program with thousands of sessions would
/// spend its time here.
const MOST: usize = 512;

/// Removes sessions that have expired, files that a killed process left unfinished, and leases
/// without a session. The caller holds the lock for writing. What can't be removed now stays for
/// the next time.
pub(super) fn remove_old(directory: &Directory, now: &Now) {
    for path in directory.files().take(MOST) {
        let is_old = match path.extension().and_then(|it| it.to_str()) {
            Some(SESSION) => has_expired(directory, &path, now),
            // Only the holder of the lock writes them, which is this process.
            Some(UNFINISHED) => true,
            Some(LEASE) => !path.with_extension(SESSION).exists() && is_free(directory, &path),
            _ => false,
        };
        if is_old {
            directory.remove(&path);
        }
    }
}

/// Reads no further than the times, so that no session is read that nobody asked for.
fn has_expired(directory: &Directory, path: &Path, now: &Now) -> bool {
    let Ok(Some(mut file)) = directory.open(path) else {
        return false;
    };
    let mut head = [0; Record::HEAD];
    match file.read_exact(&mut head) {
        Ok(()) => Record::times(&head).is_none_or(|times| times.left(now).is_none()),
        Err(error) => error.kind() == std::io::ErrorKind::UnexpectedEof,
    }
}

fn is_free(directory: &Directory, path: &Path) -> bool {
    matches!(directory.open(path), Ok(Some(file)) if file.try_lock().is_ok())
}
