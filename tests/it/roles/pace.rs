//! STS throttles, and the rate adapts for all roles together.

use super::simulation::{Clock, Source, Sts, arn, busiest_second, persistent};
use super::{SECOND, limited, roles};
use crate::support::chain;
use aws_google_web_identity::{ErrorKind, RefreshPolicy, Stage};
use aws_smithy_async::rt::sleep::AsyncSleep;
use futures_util::future::join_all;
use std::time::Duration;

/// benches/roles has a thousand and ten thousand. The simulation's cost grows with their square.
const ROLES: usize = 300;

/// Cold roles, asked for at once. Returns the time until all have credentials, the share of
/// throttled calls, and the errors that callers saw.
fn cold(count: usize, sts: &Sts, clock: &Clock, deadline: Duration) -> (f64, f64, usize) {
    let source = Source::default();
    clock.block_on(async {
        let policy = RefreshPolicy::new().deadline(deadline);
        let roles = sts
            .roles(&source)
            .refresh_policy(policy)
            .build()
            .await
            .unwrap();
        let start = clock.elapsed();
        let providers: Vec<_> = (0..count).map(|it| roles.role(arn(it)).unwrap()).collect();
        let errors = join_all(providers.iter().map(|it| persistent(clock, it))).await;
        let took = (clock.elapsed() - start).as_secs_f64();
        let calls = sts.calls();
        let throttled = calls.iter().filter(|call| call.status != 200).count();
        assert_eq!(calls.len() - throttled, count, "one session for each");
        assert_eq!(source.tokens(), 1);
        let errors = errors.iter().map(Vec::len).sum();
        (took, throttled as f64 / calls.len() as f64, errors)
    })
}

#[test]
fn cold_roles_get_credentials_at_the_rate_of_sts() {
    let clock = Clock::default();
    let (took, throttled, errors) = cold(ROLES, &limited(&clock), &clock, 15 * SECOND);
    println!("{took:.1} s, {:.1} % throttled", 100.0 * throttled);
    assert!(took <= 1.5 * 3.0, "{took} s, ideally 3 s");
    assert!(throttled <= 0.05, "{throttled}");
    assert_eq!(errors, 0, "all within their deadline");
}

#[test]
fn more_roles_than_fit_into_a_deadline_get_credentials_in_turn() {
    let clock = Clock::default();
    let (took, throttled, errors) = cold(ROLES, &limited(&clock), &clock, 2 * SECOND);
    // All that wait give up together, every 2 s, and ask again a second later.
    assert!(took <= 3.0 * 3.0, "{took} s, ideally 3 s");
    assert!(throttled <= 0.15, "{throttled}");
    assert!(errors > 0);
}

#[test]
fn other_limits_are_found_as_well() {
    // Far from 100 a second, the burst at first and the slow start cost more.
    for (limit, count, times_ideal, throttled_part) in [
        (10.0, 80, 2.5, 0.5),
        (30.0, 150, 1.6, 0.25),
        (500.0, 500, 4.0, 0.1),
    ] {
        let clock = Clock::default();
        let sts = Sts::new(&clock, limit, limit / 10.0);
        let (took, throttled, _) = cold(count, &sts, &clock, 60 * SECOND);
        let ratio = took / (count as f64 / limit);
        println!(
            "{limit} a second: {ratio:.2} of the ideal time, {:.1} % throttled",
            100.0 * throttled
        );
        assert!(ratio <= times_ideal, "{limit} a second: {ratio}");
        assert!(throttled <= throttled_part, "{limit} a second: {throttled}");
    }
}

#[test]
fn a_few_roles_never_wait() {
    let clock = Clock::default();
    let sts = Sts::new(&clock, 100.0, 20.0);
    let (took, throttled, _) = cold(20, &sts, &clock, 15 * SECOND);
    assert!(took < 0.1 && throttled == 0.0, "{took} s, {throttled}");
}

#[test]
fn an_exchange_without_a_turn_says_so_and_names_the_refusal() {
    let clock = Clock::default();
    let sts = limited(&clock);
    sts.answer(&arn(1), 400);
    clock.block_on(async {
        let roles = roles(&sts, &Source::default()).await;
        let start = clock.elapsed();
        let error = roles.role(arn(1)).unwrap().session().await.unwrap_err();
        assert!(clock.elapsed() - start <= 15 * SECOND);
        assert_eq!(
            (error.stage(), error.kind()),
            (Stage::Sts, ErrorKind::Timeout)
        );
        let text = chain(&error);
        assert!(text.contains("no turn before the deadline"), "{text}");
        assert!(text.contains("Throttling"), "{text}");
        assert!(text.contains("RefreshPolicy::deadline"), "{text}");
        let calls = sts.calls().len();
        assert!((3..=8).contains(&calls), "{calls} calls for one exchange");
    });
}

#[test]
fn a_role_that_is_always_throttled_slows_the_others_down_only_a_little() {
    let clock = Clock::default();
    let sts = limited(&clock);
    sts.answer(&arn(ROLES), 400);
    clock.block_on(async {
        let roles = roles(&sts, &Source::default()).await;
        let stuck = roles.role(arn(ROLES)).unwrap();
        let start = clock.elapsed();
        let others: Vec<_> = (0..ROLES).map(|it| roles.role(arn(it)).unwrap()).collect();
        let others = join_all(others.iter().map(|it| persistent(&clock, it)));
        tokio::select! {
            _ = persistent(&clock, &stuck) => unreachable!("it is always throttled"),
            _ = others => {}
        }
        let took = (clock.elapsed() - start).as_secs_f64();
        assert!(took <= 9.0, "{took} s, ideally 3 s");
    });
}

#[test]
fn the_refreshes_of_many_roles_are_spread() {
    const ROLES: usize = 200;
    let clock = Clock::default();
    let (sts, source) = (Sts::new(&clock, 1e6, 1e6), Source::default());
    clock.block_on(async {
        let policy = RefreshPolicy::new().keep_warm(true);
        let builder = sts.roles(&source).refresh_policy(policy);
        let roles = builder.build().await.unwrap();
        let providers: Vec<_> = (0..ROLES).map(|it| roles.role(arn(it)).unwrap()).collect();
        join_all(providers.iter().map(|it| it.session())).await;
        sts.take_calls();
        for hour in 1..=3 {
            clock.sleep(3600 * SECOND).await;
            let calls = sts.take_calls();
            assert!(
                calls.len() >= ROLES && calls.len() <= 2 * ROLES,
                "{}",
                calls.len()
            );
            assert_eq!(
                busiest_second(&calls),
                1,
                "hour {hour}: {} calls",
                calls.len()
            );
        }
    });
}
