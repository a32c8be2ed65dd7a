//! Locking that survives a panicking test.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks, and ignores poisoning: a panic while the lock was held has failed its own test already,
/// and must not fail the servers of other tests.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
