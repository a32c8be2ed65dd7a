//! What the refresher's threads share, and the runtime. Unit tests use shuttle's, which tries the
//! interleavings; everything else uses the real ones.

#[cfg(not(test))]
pub(super) use arc_swap::ArcSwapOption;
#[cfg(not(test))]
pub(super) use std::sync::{Mutex, MutexGuard};
#[cfg(not(test))]
pub(super) use tokio::runtime::Handle as Runtime;

#[cfg(test)]
pub(super) use super::interleavings::setup::{ArcSwapOption, Runtime};
#[cfg(test)]
pub(super) use shuttle::sync::{Mutex, MutexGuard};
