use super::*;
use crate::error::Stage;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_window_grows_with_the_lifetime() {
    let policy = RefreshPolicy::default();
    for (lifetime, window) in [
        (60, 20),
        (900, 300),
        (1200, 300),
        (3600, 900),
        (5400, 900),
        (7200, 2400),
        (43_200, 3600),
    ] {
        let schedule = policy.schedule(seconds(lifetime), 0.0);
        assert_eq!(
            schedule.refresh_after,
            seconds(lifetime - window),
            "{lifetime}"
        );
    }
    let earliest = policy.schedule(seconds(3600), 1.0);
    assert_eq!(earliest.refresh_after, seconds(3600 - 900 - 180));
    assert_eq!(earliest.wait_after, seconds(3570));
    assert_eq!(policy.schedule(seconds(60), 0.0).wait_after, seconds(54));
}

#[test]
fn any_policy_is_clamped_to_any_lifetime() {
    let odd = RefreshPolicy::new()
        .window(Duration::MAX)
        .mandatory_window(Duration::MAX)
        .jitter(f64::INFINITY)
        .deadline(Duration::ZERO)
        .backoff(Duration::MAX, Duration::ZERO);
    assert_eq!(odd.fetch_deadline(), seconds(1));
    for lifetime in [
        Duration::ZERO,
        Duration::from_nanos(1),
        seconds(900),
        Duration::MAX,
    ] {
        let Schedule {
            refresh_after,
            wait_after,
        } = odd.schedule(lifetime, 1.0);
        assert!(refresh_after <= wait_after && wait_after <= lifetime);
        let _ = odd.backoff_after(u32::MAX, lifetime, f64::NAN);
    }
    assert_eq!(RefreshPolicy::new().jitter(f64::NAN).jitter, 0.0);
}

#[test]
fn three_attempts_fit_into_900_seconds() {
    let policy = RefreshPolicy::default();
    let (mut left, mut attempts) = (seconds(300), 0);
    while left > seconds(30) {
        attempts += 1;
        left = left.saturating_sub(policy.backoff_after(attempts, left, 1.0));
    }
    assert!(attempts >= 3, "{attempts}");
    assert!(attempts < 40, "{attempts}");
}

#[test]
fn each_kind_of_error_is_cached_for_its_own_time() {
    let policy = RefreshPolicy::new();
    let brief = RefreshPolicy::new().cache_errors_briefly();
    let error = |kind| Error::from_message(Stage::Sts, kind, "no");
    let asks = |kind, pause| error(kind).with_retry_after(Some(seconds(pause)));
    for (error, cached, briefly) in [
        (error(ErrorKind::NotConfigured), 0, 0),
        (error(ErrorKind::Configuration), 1, 1),
        (error(ErrorKind::Denied), 60, 1),
        (error(ErrorKind::Denied).blaming_token(), 1, 1),
        (error(ErrorKind::MalformedResponse), 1, 1),
        (error(ErrorKind::Throttled), 42, 1),
        (error(ErrorKind::Timeout), 1, 1),
        (error(ErrorKind::Unavailable), 1, 1),
        // A server that asks for a pause never shortens one.
        (asks(ErrorKind::Denied, 5), 60, 1),
        (asks(ErrorKind::Denied, 120), 120, 1),
        (asks(ErrorKind::Unavailable, 120), 120, 1),
        (asks(ErrorKind::Unavailable, 0), 1, 1),
    ] {
        let backoff = seconds(42);
        assert_eq!(policy.error_cached_for(&error, backoff), seconds(cached));
        assert_eq!(brief.error_cached_for(&error, backoff), seconds(briefly));
    }
}
