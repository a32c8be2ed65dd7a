//! What stands in for threads, tasks, time and the fetch while shuttle tries the interleavings.

use crate::clock::{Clocks, Monotonic, MonotonicClock};
use crate::refresh::{
    Fetch, FetchFuture, Fetched, HoldOff, Lost, Perishable, RefreshPolicy, Refresher,
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

pub(in crate::refresh) type Loaded<T> = Option<Arc<T>>;

impl<T> ArcSwapOption<T> {
    pub(in crate::refresh) fn empty() -> Self {
        Self(shuttle::sync::Mutex::new(None))
    }

    pub(in crate::refresh) fn load(&self) -> Loaded<T> {
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
    /// What was spawned in this execution; all of its tasks run on one thread.
    static SPAWNED: RefCell<Vec<AbortHandle>> = const { RefCell::new(Vec::new()) };
}

pub(in crate::refresh) struct Runtime;

impl Runtime {
    pub(in crate::refresh) fn try_current() -> Result<Self, ()> {
        Ok(Self)
    }

    pub(in crate::refresh) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = shuttle::future::spawn(task);
        SPAWNED.with_borrow_mut(|spawned| spawned.push(task.abort_handle()));
        // Dropping it would detach the task, and one that waits for ever would be no deadlock.
        std::mem::forget(task);
    }

    /// The runtime ends, and with it what was spawned.
    pub(super) fn end() {
        for task in SPAWNED.take() {
            task.abort();
        }
    }
}

/// Both clocks. Sleeps end when the bell is rung, by a task of the test's so that deadlines race with answers, or never.
#[derive(Clone, Debug, Default)]
pub(super) struct Time {
    wall: Arc<AtomicU64>,
    monotonic: Arc<AtomicU64>,
    bell: Option<Arc<watch::Sender<bool>>>,
}

impl Time {
    pub(super) fn with_a_bell() -> Self {
        Self {
            bell: Some(Arc::new(watch::Sender::new(false))),
            ..Self::default()
        }
    }

    pub(super) fn ring(&self) {
        if let Some(bell) = &self.bell {
            bell.send_replace(true);
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
        // It rings for the flight's own deadline; those who wait for it have more patience.
        let is_deadline = duration <= RefreshPolicy::new().flight_deadline();
        let bell = self.bell.clone().filter(|_| is_deadline);
        Sleep::new(async move {
            match bell {
                Some(bell) => drop(bell.subscribe().wait_for(|rung| *rung).await),
                None => std::future::pending().await,
            }
        })
    }
}

/// The serial number of its fetch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Serial(pub(super) u64);

impl Perishable for Serial {
    fn with_expiry(&self, _: SystemTime, _: Option<SystemTime>) -> Self {
        self.clone()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    OfTheSource,
    Lost(Lost),
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
    type Error = Failure;

    fn fetch(&self) -> FetchFuture<'_, Self> {
        Box::pin(async {
            let serial = self.begun.fetch_add(1, Ordering::SeqCst);
            shuttle::future::yield_now().await;
            if self.fails.load(Ordering::SeqCst) {
                return Err(Failure::OfTheSource);
            }
            Ok(Fetched {
                value: Serial(serial),
                lifetime: Duration::from_secs(LIFETIME),
            })
        })
    }

    fn lost(&self, how: Lost) -> Failure {
        Failure::Lost(how)
    }

    fn hold_off(&self, _: &Failure) -> HoldOff {
        HoldOff::Short
    }
}

/// A refresher, and what the test turns.
pub(super) struct Stage {
    pub(super) source: Source,
    pub(super) time: Time,
    pub(super) refresher: Refresher<Source>,
}

impl Stage {
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

    /// One that holds a value.
    pub(super) fn warm() -> Self {
        let stage = Self::new();
        shuttle::future::block_on(stage.refresher.refresh()).unwrap();
        stage
    }

    pub(super) fn get(&self) -> shuttle::future::JoinHandle<Result<Serial, Failure>> {
        let refresher = self.refresher.clone();
        shuttle::future::spawn(async move { refresher.get(Serial::clone).await })
    }
}
