use super::queue::Queue;
use super::rate::Rate;
use std::time::Duration;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
    let mut rate = Rate::new(Duration::ZERO);
    let mut now = Duration::ZERO;
    for _ in 0..20 {
        assert!(rate.wait(now, 0).is_zero());
        rate.take();
    }
    for _ in 0..40 {
        loop {
            let wait = rate.wait(now, 0);
            if wait.is_zero() {
                break;
            }
            now += wait;
        }
        rate.take();
    }
    assert!((1.3..1.45).contains(&now.as_secs_f64()), "{now:?}");
}

#[test]
fn the_calls_in_flight_lower_the_rate_once() {
    let mut rate = Rate::new(Duration::ZERO);
    for _ in 0..50 {
        rate.fall(Duration::ZERO, true, 0, Duration::ZERO);
    }
    assert_eq!(rate.per_second(), 15.0);
    rate.fall(Duration::ZERO, true, rate.decreases(), Duration::ZERO);
    assert_eq!(rate.per_second(), 10.5);
    for _ in 0..50 {
        rate.fall(Duration::ZERO, true, rate.decreases(), Duration::ZERO);
    }
    assert_eq!(rate.per_second(), 1.0, "not below the minimum");
}

#[test]
fn a_burst_that_is_too_large_does_not_lower_the_rate() {
    let mut rate = Rate::new(Duration::ZERO);
    rate.fall(Duration::ZERO, false, 0, Duration::ZERO);
    assert_eq!(rate.per_second(), 30.0);
    assert!(!rate.wait(Duration::ZERO, 0).is_zero(), "no burst is left");
}

#[test]
fn after_the_first_throttling_the_rate_rises_by_ten_a_second() {
    let mut rate = Rate::new(Duration::ZERO);
    for _ in 0..100 {
        rate.rise();
    }
    assert!((rate.per_second() - 100.0).abs() < 1e-9);
    rate.fall(Duration::ZERO, true, 0, Duration::ZERO);
    for _ in 0..55 {
        rate.rise();
    }
    let now = rate.per_second();
    assert!((59.0..61.0).contains(&now), "{now}");
}

#[test]
fn a_pause_holds_for_all_and_ends() {
    let mut rate = Rate::new(Duration::ZERO);
    rate.fall(Duration::ZERO, false, 0, seconds(3.0));
    assert_eq!(rate.wait(Duration::ZERO, 0), seconds(1.0), "looks again");
    assert_eq!(rate.wait(seconds(2.5), 0), seconds(0.5));
    assert!(rate.wait(seconds(3.0), 0).is_zero());
}

#[test]
fn a_waiter_that_is_gone_or_late_holds_nobody_up() {
    let mut queue = Queue::default();
    let [stalled, cancelled, last] = [5.0, 9.0, 9.0].map(|end| queue.join(seconds(end)));
    assert_eq!(queue.rank(last, seconds(1.0)), 2);
    queue.leave(cancelled);
    assert_eq!(queue.rank(last, seconds(1.0)), 1);
    assert_eq!(queue.rank(last, seconds(6.0)), 0);
    queue.leave(stalled);
    queue.leave(last);
    assert_eq!(queue.len(), 0);
}
