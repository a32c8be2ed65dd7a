//! The program's clock and timers.
#![allow(
    clippy::disallowed_methods,
    reason = "the program is where the system's time comes from"
)]

use std::time::{Duration, SystemTime};

pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

pub(crate) async fn sleep(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// The result of the future, or `None` when it takes longer than `limit`.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, future).await.ok()
}
