//! The refresher under shuttle, which chooses the task that runs on before each lock, each load and store of the slot and at
//! each await.
//!
//! Each story has more orders than can be tried (over 400,000): a thousand are by depth first, which varies the last
//! choices of an execution, a thousand at random and a thousand by PCT, with fixed seeds. tokio's watch channel isn't
//! shuttle's: what happens inside of it is not varied. A task that waits for ever is reported as a deadlock.

pub(super) mod stage;

use super::RefreshPolicy;
use shuttle::future::{block_on, spawn, yield_now};
use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};
use stage::{Failure, LIFETIME, Runtime, Serial, Stage, Time};
use std::sync::atomic::{AtomicUsize, Ordering};

fn explore(story: fn()) {
    const EACH: usize = 1_000;
    let config = Config::default;
    Runner::new(DfsScheduler::new(Some(EACH), false), config()).run(story);
    Runner::new(RandomScheduler::new_from_seed(1, EACH), config()).run(story);
    Runner::new(PctScheduler::new_from_seed(2, 3, EACH), config()).run(story);
}

#[test]
fn cold_callers_make_one_fetch_and_get_the_same_value() {
    explore(|| {
        let stage = Stage::new();
        let callers: Vec<_> = (0..3).map(|_| stage.get()).collect();
        for caller in callers {
            assert_eq!(block_on(caller).unwrap(), Ok(Serial(0)));
        }
        assert_eq!(stage.source.begun(), 1);
    });
}

#[test]
fn cold_callers_of_a_failing_source_make_one_fetch_and_get_its_error() {
    explore(|| {
        let stage = Stage::new();
        stage.source.fails.store(true, Ordering::SeqCst);
        let callers: Vec<_> = (0..3).map(|_| stage.get()).collect();
        for caller in callers {
            assert_eq!(block_on(caller).unwrap(), Err(Failure::OfTheSource));
        }
        assert_eq!(stage.source.begun(), 1);
    });
}

#[test]
fn a_reader_never_sees_an_older_value_after_a_newer_one() {
    explore(|| {
        let stage = Stage::warm();
        // In the advisory window, where hits start flights and prolong what they advertise, and a clock steps.
        stage.time.pass(LIFETIME - 300);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let refresher = stage.refresher.clone();
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
        stage.time.step(60);
        for reader in readers {
            block_on(reader).unwrap();
        }
        assert!(stage.source.begun() <= 2, "{}", stage.source.begun());
    });
}

#[test]
fn a_refresh_joins_only_a_fetch_that_began_after_it_was_asked_for() {
    explore(|| {
        let stage = Stage::new();
        let caller = stage.get();
        let askers: Vec<_> = (0..2)
            .map(|_| {
                let (refresher, source) = (stage.refresher.clone(), stage.source.clone());
                spawn(async move {
                    let before = source.begun();
                    refresher.refresh().await.unwrap();
                    let held = refresher.held(Serial::clone).unwrap();
                    assert!(held >= Serial(before), "{held:?}, asked before {before}");
                })
            })
            .collect();
        for asker in askers {
            block_on(asker).unwrap();
        }
        block_on(caller).unwrap().unwrap();
        assert!(stage.source.begun() <= 3);
    });
}

#[test]
fn whoever_leaves_takes_nobody_along() {
    explore(|| {
        let stage = Stage::new();
        let leaver = stage.get();
        let stayer = stage.get();
        let axe = spawn(async move { leaver.abort() });
        assert_eq!(block_on(stayer).unwrap(), Ok(Serial(0)));
        block_on(axe).unwrap();
        assert_eq!(stage.source.begun(), 1);
    });
}

#[test]
fn when_a_runtime_ends_its_waiters_start_over() {
    explore(|| {
        let stage = Stage::new();
        let callers: Vec<_> = (0..2).map(|_| stage.get()).collect();
        let end = spawn(async { Runtime::end() });
        for caller in callers {
            let serial = block_on(caller).unwrap().unwrap();
            assert!(serial <= Serial(1), "{serial:?}");
        }
        block_on(end).unwrap();
        assert!(stage.source.begun() <= 2);
    });
}

#[test]
fn what_is_forgotten_is_what_was_meant() {
    explore(|| {
        let stage = Stage::warm();
        let refresher = stage.refresher.clone();
        let refresh = spawn(async move { refresher.refresh().await });
        let refresher = stage.refresher.clone();
        let forget = spawn(async move { refresher.forget(|held| *held == Serial(0)) });
        let caller = stage.get();
        block_on(forget).unwrap();
        block_on(refresh).unwrap().unwrap();
        block_on(caller).unwrap().unwrap();
        let held = stage.refresher.held(Serial::clone);
        assert!(held.is_some_and(|held| held >= Serial(1)));
    });
}

#[test]
fn a_deadline_that_races_with_the_answer_leaves_a_value_or_an_error() {
    static ANSWERS: AtomicUsize = AtomicUsize::new(0);
    static DEADLINES: AtomicUsize = AtomicUsize::new(0);
    explore(|| {
        let stage = Stage::with(Time::with_a_bell(), RefreshPolicy::new());
        let callers: Vec<_> = (0..2).map(|_| stage.get()).collect();
        let time = stage.time.clone();
        let bell = spawn(async move { time.ring() });
        for caller in callers {
            match block_on(caller).unwrap() {
                Ok(serial) => {
                    assert_eq!(Some(serial), stage.refresher.held(Serial::clone));
                    ANSWERS.fetch_add(1, Ordering::SeqCst);
                }
                Err(Failure::Lost(super::Lost::Deadline(_))) => {
                    assert_eq!(stage.refresher.held(Serial::clone), None);
                    DEADLINES.fetch_add(1, Ordering::SeqCst);
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        block_on(bell).unwrap();
        assert_eq!(stage.source.begun(), 1);
    });
    for outcome in [&ANSWERS, &DEADLINES] {
        assert!(outcome.load(Ordering::SeqCst) > 0, "both happen");
    }
}

#[test]
fn with_the_last_handle_the_tasks_end() {
    explore(|| {
        let stage = Stage::with(Time::default(), RefreshPolicy::new().keep_warm(true));
        let caller = stage.get();
        drop(stage);
        assert_eq!(block_on(caller).unwrap(), Ok(Serial(0)));
        // The keeper's task sleeps for ever, and would be reported if it stayed.
    });
}
