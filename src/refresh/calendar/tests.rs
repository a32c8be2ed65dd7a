use super::super::policy::RefreshPolicy;
use super::{Calendar, Fetched};
use std::collections::HashMap;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn fetched(lifetime: Duration, age: Duration) -> Fetched<()> {
    Fetched {
        value: (),
        lifetime,
        age,
    }
}

/// Plans so many refreshes at one moment. Returns the ages at which they begin.
fn plan(calendar: &Calendar, now: Duration, count: u32, of: &Fetched<()>) -> Vec<Duration> {
    let policy = RefreshPolicy::new();
    (0..count)
        .map(|serial| {
            let schedule = policy.schedule(of.whole_lifetime(), f64::from(serial % 10) / 10.0);
            let planned = calendar.plan(now, of, schedule);
            assert!(planned.refresh_after <= schedule.refresh_after);
            assert_eq!(planned.wait_after, schedule.wait_after);
            planned.refresh_after
        })
        .collect()
}

fn busiest(now: Duration, ages: &[Duration]) -> usize {
    let mut seconds = HashMap::new();
    for age in ages {
        *seconds.entry((now + *age).as_secs()).or_insert(0) += 1;
    }
    seconds.into_values().max().unwrap()
}

#[test]
fn a_thousand_refreshes_have_a_second_each() {
    let now = Duration::from_millis(123_456);
    let ages = plan(
        &Calendar::default(),
        now,
        1000,
        &fetched(HOUR, Duration::ZERO),
    );
    assert_eq!(busiest(now, &ages), 1);
}

#[test]
fn more_refreshes_than_seconds_are_spread_evenly_and_not_into_the_first_third() {
    let now = Duration::from_secs(7);
    let ages = plan(
        &Calendar::default(),
        now,
        10_000,
        &fetched(HOUR, Duration::ZERO),
    );
    assert!(busiest(now, &ages) <= 8, "{}", busiest(now, &ages));
    assert!(ages.iter().all(|age| *age >= HOUR / 3));
}

#[test]
fn one_refresh_begins_when_the_policy_wants_it() {
    let ages = plan(
        &Calendar::default(),
        HOUR,
        1,
        &fetched(HOUR, Duration::ZERO),
    );
    let wanted = Duration::from_secs(2700);
    assert!(wanted - ages[0] <= Duration::from_secs(1), "{ages:?}");
}

#[test]
fn a_value_with_an_age_is_planned_from_its_own_beginning() {
    let half = Duration::from_secs(1800);
    let ages = plan(&Calendar::default(), half, 1, &fetched(half, half));
    assert!(Duration::from_secs(2700) - ages[0] <= Duration::from_secs(1));
}

#[test]
fn what_is_past_takes_no_memory() {
    let calendar = Calendar::default();
    plan(
        &calendar,
        Duration::ZERO,
        1000,
        &fetched(HOUR, Duration::ZERO),
    );
    plan(&calendar, 10 * HOUR, 1, &fetched(HOUR, Duration::ZERO));
    let planned = calendar.0.lock().unwrap();
    assert_eq!(planned.refreshes.iter().sum::<u32>(), 1);
    assert!(planned.refreshes.len() <= 3600);
}

#[test]
fn a_lifetime_without_room_or_without_end_keeps_its_schedule() {
    for lifetime in [Duration::ZERO, Duration::from_millis(100), Duration::MAX] {
        let calendar = Calendar::default();
        let of = fetched(lifetime, Duration::ZERO);
        let schedule = RefreshPolicy::new().schedule(of.whole_lifetime(), 0.5);
        assert_eq!(calendar.plan(HOUR, &of, schedule), schedule);
    }
}
