use super::{Now, Times};
use crate::environment::BootClock;
use std::time::{Duration, UNIX_EPOCH};

const HOUR: u64 = 3600;

fn now(wall: u64, boot: Option<(&str, u64)>) -> Now {
    Now {
        wall: UNIX_EPOCH + Duration::from_secs(wall),
        boot: boot.map(|(boot, uptime)| BootClock {
            boot: boot.to_owned(),
            uptime: Duration::from_secs(uptime),
        }),
    }
}

/// What is left of an hour that was stored at (wall, boot, uptime).
fn left(stored: (u64, Option<(&str, u64)>), at: (u64, Option<(&str, u64)>)) -> Option<u64> {
    let times = Times::new(&now(stored.0, stored.1), Duration::from_secs(HOUR));
    let bytes = times.bytes();
    let (parsed, rest) = Times::parse(&bytes).unwrap();
    assert_eq!(parsed, times);
    assert!(rest.is_empty());
    parsed.left(&now(at.0, at.1)).map(|left| left.as_secs())
}

#[test]
fn the_uptime_counts_however_the_clock_is_set() {
    let noon = 12 * HOUR;
    for wall in [noon, noon - 6 * HOUR, noon + 6 * HOUR, 0] {
        let stored = (noon, Some(("boot", 100)));
        assert_eq!(left(stored, (wall, Some(("boot", 100)))), Some(HOUR));
        assert_eq!(left(stored, (wall, Some(("boot", 1000)))), Some(HOUR - 900));
        assert_eq!(left(stored, (wall, Some(("boot", 100 + HOUR)))), None);
        assert_eq!(left(stored, (wall, Some(("boot", 99)))), None);
    }
}

/// As after the restoration of a virtual machine: the uptime goes on as if no time had passed.
#[test]
fn a_wall_clock_that_is_more_than_6_h_ahead_of_the_uptime_counts() {
    let noon = 12 * HOUR;
    let stored = (noon, Some(("boot", 100)));
    let at = |wall, uptime| left(stored, (wall, Some(("boot", uptime))));
    assert_eq!(at(noon + 6 * HOUR + 10, 110), Some(HOUR - 10));
    assert_eq!(at(noon + 6 * HOUR + 11, 110), None);
    assert_eq!(at(noon + 72 * HOUR, 110), None);
    assert_eq!(at(noon + 72 * HOUR, 99), None);
}

#[test]
fn after_a_reboot_the_wall_clock_counts() {
    let noon = 12 * HOUR;
    for (before, after) in [
        (Some(("boot", 100)), Some(("reboot", 100))),
        (Some(("boot", 100)), None),
        (None, Some(("boot", 100))),
        (None, None),
    ] {
        assert_eq!(left((noon, before), (noon + 900, after)), Some(HOUR - 900));
        assert_eq!(left((noon, before), (noon + HOUR, after)), None);
        assert_eq!(left((noon, before), (noon + 6 * HOUR, after)), None);
        assert_eq!(left((noon, before), (noon - 1, after)), None);
    }
}

#[test]
fn a_life_longer_than_any_session_counts_as_none() {
    let times = Times::new(&now(HOUR, None), Duration::from_secs(12 * HOUR));
    assert!(times.left(&now(HOUR, None)).is_some());
    let times = Times::new(&now(HOUR, None), Duration::from_secs(12 * HOUR + 1));
    assert_eq!(times.left(&now(HOUR, None)), None);
}
