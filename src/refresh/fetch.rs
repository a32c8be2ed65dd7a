//! What the refresher asks of whoever fetches.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

/// A value that expires.
pub(crate) trait Perishable: Clone + Send + Sync + 'static {
    /// The same value that says of itself that it expires then. `real` is when it does, where a clock that stepped has made
    /// what it knew of that wrong.
    fn with_expiry(&self, advertised: SystemTime, real: Option<SystemTime>) -> Self;
}

/// A fetched value and how long it lives, counted from now.
#[derive(Debug)]
pub(crate) struct Fetched<V> {
    pub(crate) value: V,
    pub(crate) lifetime: Duration,
}

/// What the refresher calls.
pub(crate) trait Fetch: Send + Sync + 'static {
    type Value: Perishable;
    type Error: Clone + Send + Sync + 'static;

    fn fetch(&self) -> FetchFuture<'_, Self>;

    /// Makes the error for what happened to the fetch from outside.
    fn lost(&self, how: Lost) -> Self::Error;

    /// How long nobody tries again after this error.
    fn hold_off(&self, error: &Self::Error) -> HoldOff;

    /// A fetch failed while the value that is held, if any, is good for so much longer.
    fn failed(&self, error: &Self::Error, left: Duration) {
        let _ = (error, left);
    }
}

/// What [`Fetch::fetch`] returns.
pub(crate) type FetchFuture<'a, F> = Pin<
    Box<dyn Future<Output = Result<Fetched<<F as Fetch>::Value>, <F as Fetch>::Error>> + Send + 'a>,
>;

/// What can happen to a fetch from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It took longer than this.
    Deadline(Duration),
    /// It panicked.
    Panicked,
    /// The runtime that it ran on ended, time and again.
    RuntimeEnded,
    /// There is no tokio runtime to run it on.
    NoRuntime,
    /// What it fetched had expired already.
    Stillborn,
}

/// After a failure, how long it is handed to callers that have nothing valid before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HoldOff {
    /// Not at all: there is nothing to spare.
    None,
    /// A second.
    Short,
    /// As long as nobody would try without being asked: the server is to be spared.
    Backoff,
    /// A minute: somebody must do something first.
    Minute,
}
