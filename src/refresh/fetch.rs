//! What the refresher fetches, and the deadline and errors of a fetch.

use super::calendar::Calendar;
use super::policy::MAX_LIFETIME;
use crate::clock::Clocks;
use crate::error::{Error, ErrorKind, Stage};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, SystemTime};

/// A value that expires.
pub(crate) trait Expiring: Clone + Send + Sync + 'static {
    /// The same value with another advertised expiry. `real` is its real expiry, given only when a
    /// clock has stepped, so that the value's own idea of it is wrong.
    fn with_expiry(&self, advertised: SystemTime, real: Option<SystemTime>) -> Self;
}

/// A fetched value, and its lifetime from now on.
#[derive(Debug)]
pub(crate) struct Fetched<V> {
    pub(crate) value: V,
    pub(crate) lifetime: Duration,
    /// How old it is already. Lifetime and age together decide when it is refreshed.
    pub(crate) age: Duration,
}

impl<V> Fetched<V> {
    /// The lifetime from the time at which the value was issued.
    pub(super) fn whole_lifetime(&self) -> Duration {
        let left = self.lifetime.min(MAX_LIFETIME);
        left.saturating_add(self.age.min(MAX_LIFETIME))
    }
}

/// Why a fetch is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// A caller knows that what it got is outdated, and wants none that is as old.
    pub(crate) forced: bool,
    /// How long the cached value is still valid, which callers get meanwhile; zero without one.
    pub(crate) held_for: Duration,
}

/// Fetches a value for the refresher.
pub(crate) trait Fetch: Send + Sync + 'static {
    type Value: Expiring;

    /// What is fetched, for messages: "credentials".
    const WHAT: &'static str;
    /// The stage that issues the value.
    const ISSUED_AT: Stage;

    /// Fetches the value. Everything that it awaits runs under `deadline`, by [`Deadline::guard`].
    fn fetch(&self, deadline: Deadline, need: Need) -> FetchFuture<'_, Self::Value>;

    /// Where the refreshes of many values are planned together, if they are.
    fn calendar(&self) -> Option<&Calendar> {
        None
    }
}

/// What [`Fetch::fetch`] returns.
pub(crate) type FetchFuture<'a, V> =
    Pin<Box<dyn Future<Output = Result<Fetched<V>, Error>> + Send + 'a>>;

/// The time by which a fetch must end.
///
/// The fetch applies it to each of its stages in turn, so that the error names the stage at which
/// the time ran out.
#[derive(Clone, Debug)]
pub(crate) struct Deadline {
    clocks: Clocks,
    /// By the monotonic clock: setting the wall clock must not end a fetch.
    ends_at: Duration,
    allowed: Duration,
    what: &'static str,
}

impl Deadline {
    /// Ends this long after now.
    pub(crate) fn new(clocks: Clocks, allowed: Duration, what: &'static str) -> Self {
        Self {
            ends_at: clocks.elapsed().saturating_add(allowed),
            clocks,
            allowed,
            what,
        }
    }

    /// How much time is left.
    pub(crate) fn left(&self) -> Duration {
        self.ends_at.saturating_sub(self.clocks.elapsed())
    }

    /// Runs one stage. If the deadline passes first, or the code of the stage panics, that is the
    /// error.
    pub(crate) async fn guard<T>(
        &self,
        stage: Stage,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let failure = |failure: FetchFailure| Err(failure.error(stage, self.what));
        let mut work = pin!(work);
        // Unwind safety: a future that has panicked is not polled again.
        let work = poll_fn(|cx| {
            catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx)))
                .unwrap_or_else(|_| Poll::Ready(failure(FetchFailure::Panicked)))
        });
        let left = self.left();
        tokio::select! {
            // A result that is there counts, even if the deadline passed before anybody looked.
            biased;
            result = work => result,
            () = self.clocks.sleep(left) => failure(FetchFailure::TimedOut(self.allowed)),
        }
    }
}

/// Why a fetch failed although none of its stages reported an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchFailure {
    /// It took longer than this.
    TimedOut(Duration),
    Panicked,
    /// Its runtime ended, time and again.
    RuntimeEnded,
    /// There is no tokio runtime to run it on.
    NoRuntime,
    /// The fetched value had expired already.
    ExpiredOnArrival,
}

impl FetchFailure {
    /// The error for it. `what` was to be fetched.
    pub(crate) fn error(self, stage: Stage, what: &str) -> Error {
        let (kind, message) = match self {
            FetchFailure::TimedOut(after) => {
                let message = format!("no {what} within {} s", after.as_secs_f32());
                return Error::deadline(stage, message, after);
            }
            FetchFailure::Panicked => (
                ErrorKind::Unavailable,
                "the exchange panicked: a source or a signer of your own, most likely".to_owned(),
            ),
            FetchFailure::RuntimeEnded => (
                ErrorKind::Unavailable,
                "the runtime that the exchange ran on ended before it was done".to_owned(),
            ),
            FetchFailure::NoRuntime => (
                ErrorKind::Configuration,
                "there is no tokio runtime here to run the exchange on".to_owned(),
            ),
            FetchFailure::ExpiredOnArrival => (
                ErrorKind::MalformedResponse,
                format!(
                    "the {what} had expired on arrival: are the clocks of this machine and of the servers right?"
                ),
            ),
        };
        Error::from_message(stage, kind, message)
    }
}
