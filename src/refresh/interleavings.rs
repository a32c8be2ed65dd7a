//! The refresher under shuttle, which chooses the task that runs next before each lock, each load
//! and store of the cached value, and at each await.
//!
//! Each test has more orders than can be tried (over 400,000). It tries a thousand depth first,
//! which varies the last choices of an execution, a thousand at random and a thousand by PCT, with
//! fixed seeds. tokio's watch channel is not shuttle's: what happens inside it is not varied. A
//! task that waits forever is reported as a deadlock.

pub(super) mod setup;

use super::RefreshPolicy;
use crate::error::ErrorKind;
use setup::{LIFETIME, Runtime, Serial, Setup, Time};
use shuttle::future::{block_on, spawn, yield_now};
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};
use std::sync::atomic::{AtomicUsize, Ordering};

fn explore(test: fn()) {
    const EACH: usize = 1_000;
    let config = Config::default;
    Runner::new(DfsScheduler::new(Some(EACH), false), config()).run(test);
    Runner::new(RandomScheduler::new_from_seed(1, EACH), config()).run(test);
    Runner::new(PctScheduler::new_from_seed(2, 3, EACH), config()).run(test);
}

#[test]
fn cold_callers_share_one_fetch() {
    explore(|| {
        let setup = Setup::new();
        let callers: Vec<_> = (0..3).map(|_| setup.get()).collect();
        for caller in callers {
            assert_eq!(block_on(caller).unwrap().unwrap(), Serial(0));
        }
        assert_eq!(setup.source.begun(), 1);
    });
}

#[test]
fn cold_callers_share_one_error() {
    explore(|| {
        let setup = Setup::new();
        setup.source.fails.store(true, Ordering::SeqCst);
        let callers: Vec<_> = (0..3).map(|_| setup.get()).collect();
        for caller in callers {
            let error = block_on(caller).unwrap().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
        }
        assert_eq!(setup.source.begun(), 1);
    });
}

#[test]
fn a_reader_never_goes_back_to_an_older_value() {
    explore(|| {
        let setup = Setup::warm();
        // In the advisory window, where readers start fetches and extend the advertised expiry, and
        // a clock steps.
        setup.time.pass(LIFETIME - 300);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let refresher = setup.refresher.clone();
                spawn(async move {
                    let mut last = Serial(0);
                    for _ in 0..3 {
                        let seen = refresher.get(Serial::clone).await.unwrap();
                        assert!(seen >= last, "{seen:?} after {last:?}");
                        last = seen;
                        yield_now().await;
                    }
                })
            })
            .collect();
        setup.time.step(60);
        for reader in readers {
            block_on(reader).unwrap();
        }
        assert!(setup.source.begun() <= 2, "{}", setup.source.begun());
    });
}

#[test]
fn a_refresh_joins_only_a_later_fetch() {
    explore(|| {
        let setup = Setup::new();
        let caller = setup.get();
        let askers: Vec<_> = (0..2)
            .map(|_| {
                let (refresher, source) = (setup.refresher.clone(), setup.source.clone());
                spawn(async move {
                    let before = source.begun();
                    refresher.refresh().await.unwrap();
                    let cached = refresher.current(Serial::clone).unwrap();
                    assert!(
                        cached >= Serial(before),
                        "{cached:?}, asked before {before}"
                    );
                })
            })
            .collect();
        for asker in askers {
            block_on(asker).unwrap();
        }
        block_on(caller).unwrap().unwrap();
        assert!(setup.source.begun() <= 3);
    });
}

#[test]
fn a_cancelled_caller_cancels_no_fetch() {
    explore(|| {
        let setup = Setup::new();
        let cancelled = setup.get();
        let other = setup.get();
        let cancel = spawn(async move { cancelled.abort() });
        assert_eq!(block_on(other).unwrap().unwrap(), Serial(0));
        block_on(cancel).unwrap();
        assert_eq!(setup.source.begun(), 1);
    });
}

#[test]
fn waiters_survive_the_end_of_a_runtime() {
    explore(|| {
        let setup = Setup::new();
        let callers: Vec<_> = (0..2).map(|_| setup.get()).collect();
        let end = spawn(async { Runtime::end() });
        for caller in callers {
            let serial = block_on(caller).unwrap().unwrap();
            assert!(serial <= Serial(1), "{serial:?}");
        }
        block_on(end).unwrap();
        assert!(setup.source.begun() <= 2);
    });
}

#[test]
fn forget_removes_only_the_value_meant() {
    explore(|| {
        let setup = Setup::warm();
        let refresher = setup.refresher.clone();
        let refresh = spawn(async move { refresher.refresh().await });
        let refresher = setup.refresher.clone();
        let forget = spawn(async move { refresher.forget(|held| *held == Serial(0)) });
        let caller = setup.get();
        block_on(forget).unwrap();
        block_on(refresh).unwrap().unwrap();
        block_on(caller).unwrap().unwrap();
        let cached = setup.refresher.current(Serial::clone);
        assert!(cached.is_some_and(|cached| cached >= Serial(1)));
    });
}

#[test]
fn a_deadline_that_races_with_the_answer_loses_nothing() {
    static ANSWERS: AtomicUsize = AtomicUsize::new(0);
    static DEADLINES: AtomicUsize = AtomicUsize::new(0);
    explore(|| {
        let setup = Setup::with(Time::with_deadline(), RefreshPolicy::new());
        let callers: Vec<_> = (0..2).map(|_| setup.get()).collect();
        let time = setup.time.clone();
        let deadline = spawn(async move { time.pass_deadline() });
        for caller in callers {
            match block_on(caller).unwrap() {
                Ok(serial) => {
                    assert_eq!(Some(serial), setup.refresher.current(Serial::clone));
                    ANSWERS.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Timeout);
                    assert_eq!(setup.refresher.current(Serial::clone), None);
                    DEADLINES.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
        block_on(deadline).unwrap();
        assert_eq!(setup.source.begun(), 1);
    });
    for outcome in [&ANSWERS, &DEADLINES] {
        assert!(outcome.load(Ordering::SeqCst) > 0, "both happen");
    }
}

#[test]
fn the_tasks_end_with_the_last_handle() {
    explore(|| {
        let setup = Setup::with(Time::default(), RefreshPolicy::new().keep_warm(true));
        let caller = setup.get();
        drop(setup);
        assert_eq!(block_on(caller).unwrap().unwrap(), Serial(0));
        // The keep-warm task sleeps forever, and would be reported if it stayed.
    });
}
