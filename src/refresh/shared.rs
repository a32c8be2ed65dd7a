//! What the refresher's threads share and how its tasks begin. In unit tests these are shuttle's, which
//! tries their interleavings; everywhere else the real ones.

#[cfg(not(test))]
pub(super) use arc_swap::ArcSwapOption;
#[cfg(not(test))]
pub(super) type Loaded<T> = arc_swap::Guard<Option<std::sync::Arc<T>>>;
#[cfg(not(test))]
pub(super) use std::sync::{Mutex, MutexGuard};
#[cfg(not(test))]
pub(super) use tokio::runtime::Handle as Runtime;

#[cfg(test)]
pub(super) use super::interleavings::stage::{ArcSwapOption, Loaded, Runtime};
#[cfg(test)]
pub(super) use shuttle::sync::{Mutex, MutexGuard};
