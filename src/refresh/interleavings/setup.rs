//! Stands in for threads, tasks, time and the fetch while shuttle tries the interleavings.

use crate::clock::{Clocks, Monotonic, MonotonicClock};
use crate::error::{Error, ErrorKind, Stage};
use crate::refresh::{
    Deadline, Expiring, Fetch, FetchFuture, Fetched, Need, RefreshPolicy, Refresher,
};
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use shuttle::future::AbortHandle;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// An atomic slot that shuttle sees: others may run before each load and store.
pub(in crate::refresh) struct ArcSwapOption<T>(shuttle::sync::Mutex<Option<Arc<T>>>);

impl<T> ArcSwapOption<T> {
    pub(in crate::refresh) fn empty() -> Self {
        Self(shuttle::sync::Mutex::new(None))
    }

    pub(in crate::refresh) fn load(&self) -> Option<Arc<T>> {
        self.load_full()
    }

    pub(in crate::refresh) fn load_full(&self) -> Option<Arc<T>> {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.clone()
    }

    pub(in crate::refresh) fn store(&self, value: Option<Arc<T>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = value;
    }
}

thread_local! {
    /// The tasks spawned in this execution. All of them run on one thread.
    static SPAWNED: RefCell<Vec<AbortHandle>> = const { RefCell::new(Vec::new()) };
}

#[derive(Clone, PartialEq)]
pub(in crate::refresh) struct Runtime;

impl Runtime {
    pub(in crate::refresh) fn current() -> Option<Self> {
        Some(Self)
    }

    pub(in crate::refresh) async fn runs_tasks(&self) -> bool {
        true
    }

    pub(in crate::refresh) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = shuttle::future::spawn(task);
        SPAWNED.with_borrow_mut(|spawned| spawned.push(task.abort_handle()));
        // Dropping the handle would detach the task, and shuttle would not report a task that waits
        // forever as a deadlock.
        std::mem::forget(task);
    }

    /// The runtime ends, and with it every spawned task.
    pub(super) fn end() {
        for task in SPAWNED.take() {
            task.abort();
        }
    }
}

/// Both clocks. A fetch's deadline passes when the test says so, so that it races with the answer.
/// No other sleep ever ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Time {
    wall: Arc<AtomicU64>,
    monotonic: Arc<AtomicU64>,
    deadline: Option<Arc<watch::Sender<bool>>>,
}

impl Time {
    pub(super) fn with_deadline() -> Self {
        Self {
            deadline: Some(Arc::new(watch::Sender::new(false))),
            ..Self::default()
        }
    }

    pub(super) fn pass_deadline(&self) {
        if let Some(deadline) = &self.deadline {
            deadline.send_replace(true);
        }
    }

    pub(super) fn pass(&self, seconds: u64) {
        self.wall.fetch_add(seconds, Ordering::SeqCst);
        self.monotonic.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(super) fn step(&self, seconds: u64) {
        self.wall.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl TimeSource for Time {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000 + self.wall.load(Ordering::SeqCst))
    }
}

impl MonotonicClock for Time {
    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.monotonic.load(Ordering::SeqCst))
    }
}

impl AsyncSleep for Time {
    fn sleep(&self, duration: Duration) -> Sleep {
        // The time stands still, so that a fetch sleeps for its whole deadline; nothing else sleeps
        // for just as long.
        let is_deadline = duration == RefreshPolicy::new().fetch_deadline();
        let deadline = self.deadline.clone().filter(|_| is_deadline);
        Sleep::new(async move {
            match deadline {
                Some(deadline) => drop(deadline.subscribe().wait_for(|passed| *passed).await),
                None => std::future::pending().await,
            }
        })
    }
}

/// The serial number of the fetch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Serial(pub(super) u64);

impl Expiring for Serial {
    fn with_expiry(&self, _: SystemTime, _: Option<SystemTime>) -> Self {
        self.clone()
    }
}

pub(super) const LIFETIME: u64 = 3600;

/// Numbers its fetches; each lets others run before it answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) begun: Arc<AtomicU64>,
    pub(super) fails: Arc<AtomicBool>,
}

impl Source {
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }
}

impl Fetch for Source {
    type Value = Serial;

    const WHAT: &'static str = "serial";
    const ISSUED_AT: Stage = Stage::Source;

    fn fetch(&self, deadline: Deadline, _: Need) -> FetchFuture<'_, Serial> {
        Box::pin(async move {
            let serial = async {
                let serial = self.begun.fetch_add(1, Ordering::SeqCst);
                shuttle::future::yield_now().await;
                if self.fails.load(Ordering::SeqCst) {
                    return Err(Error::from_message(
                        Stage::Source,
                        ErrorKind::Unavailable,
                        "no",
                    ));
                }
                Ok(serial)
            };
            Ok(Fetched {
                value: Serial(deadline.guard(Stage::Source, serial).await?),
                lifetime: Duration::from_secs(LIFETIME),
                age: Duration::ZERO,
            })
        })
    }
}

/// A refresher, and what the test sets.
pub(super) struct Setup {
    pub(super) source: Source,
    pub(super) time: Time,
    pub(super) refresher: Refresher<Source>,
}

impl Setup {
    pub(super) fn new() -> Self {
        Self::with(Time::default(), RefreshPolicy::new())
    }

    pub(super) fn with(time: Time, policy: RefreshPolicy) -> Self {
        SPAWNED.take();
        let source = Source::default();
        let clocks = Clocks::new(
            SharedTimeSource::new(time.clone()),
            Monotonic::instead(Arc::new(time.clone())),
            SharedAsyncSleep::new(time.clone()),
        );
        Self {
            refresher: Refresher::with_random(
                source.clone(),
                policy,
                clocks,
                fastrand::Rng::with_seed(7),
            ),
            source,
            time,
        }
    }

    /// With a cached value.
    pub(super) fn warm() -> Self {
        let setup = Self::new();
        shuttle::future::block_on(setup.refresher.refresh()).unwrap();
        setup
    }

    pub(super) fn get(&self) -> shuttle::future::JoinHandle<Result<Serial, Error>> {
        let refresher = self.refresher.clone();
        shuttle::future::spawn(async move { refresher.get(Serial::clone).await })
    }
}
