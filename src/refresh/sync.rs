//! What the refresher's threads share, and the runtime. Unit tests use shuttle's, which tries the
//! interleavings; everything else uses the real ones.

#[cfg(not(test))]
pub(super) use arc_swap::ArcSwapOption;
#[cfg(not(test))]
pub(super) use std::sync::{Mutex, MutexGuard};

#[cfg(test)]
pub(super) use super::interleavings::setup::{ArcSwapOption, Runtime};
#[cfg(test)]
pub(super) use shuttle::sync::{Mutex, MutexGuard};

/// The tokio runtime of the calling thread.
#[cfg(not(test))]
#[derive(Clone)]
pub(super) struct Runtime(tokio::runtime::Handle);

#[cfg(not(test))]
impl Runtime {
    pub(super) fn current() -> Option<Self> {
        tokio::runtime::Handle::try_current().ok().map(Self)
    }

    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    /// Ends when the runtime has run a task: at once on a healthy runtime, never on one that stands
    /// still. False if the runtime has ended.
    pub(super) async fn runs_tasks(&self) -> bool {
        self.0.spawn(async {}).await.is_ok()
    }
}

#[cfg(not(test))]
impl PartialEq for Runtime {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}
