//! Many roles of one identity, over an STS in process that allows 100 calls a second. The time is
//! simulated. Goals: one ID token; at most 16 KiB for each role; credentials for all within 1.2
//! times the ideal time with at most 5 % of the calls throttled; refreshes spread over the hour.
//! Anchor: a provider for each role, which share one ID token and no pace.

#[path = "../tests/it/allocations.rs"]
#[allow(dead_code, reason = "the tests measure more with it")]
mod allocations;
#[path = "../tests/it/roles/simulation.rs"]
mod simulation;
mod support;

use allocations::{PeakSince, held_by_this_thread};
use aws_google_web_identity::{GoogleWebIdentityProvider, RefreshPolicy, SharedIdToken};
use aws_smithy_async::rt::sleep::AsyncSleep;
use futures_util::future::join_all;
use simulation::{Clock, Source, Sts, arn, busiest_second, persistent};
use std::time::Duration;
use support::verdict;

const LIMIT: f64 = 100.0;
/// A tenth of a second's calls at once, so that nobody wins time by a burst.
const BURST: f64 = 10.0;

struct Cold {
    seconds: f64,
    throttled: f64,
    errors: usize,
}

async fn cold(clock: &Clock, sts: &Sts, providers: &[GoogleWebIdentityProvider]) -> Cold {
    let start = clock.elapsed();
    let errors = join_all(providers.iter().map(|it| persistent(clock, it))).await;
    let calls = sts.take_calls();
    let throttled = calls.iter().filter(|call| call.status != 200).count();
    Cold {
        seconds: (clock.elapsed() - start).as_secs_f64(),
        throttled: 100.0 * throttled as f64 / calls.len() as f64,
        errors: errors.iter().map(Vec::len).sum(),
    }
}

fn ours(count: usize) {
    let clock = Clock::default();
    let (sts, source) = (Sts::new(&clock, LIMIT, BURST), Source::default());
    clock.block_on(async {
        let roles = sts.roles(&source).build().await.unwrap();
        let providers: Vec<_> = (0..count).map(|it| roles.role(arn(it)).unwrap()).collect();
        let cold = cold(&clock, &sts, &providers).await;
        let ideal = count as f64 / LIMIT;
        println!(
            "roles, {count} cold, ours: {:.1} s (ideally {ideal} s), {:.1} % of the calls throttled, {} errors",
            cold.seconds, cold.throttled, cold.errors
        );
        verdict(&format!("roles, {count} cold: ID tokens"), source.tokens() as f64, 1.0);
        verdict(&format!("roles, {count} cold: time, ratio to the ideal"), cold.seconds / ideal, 1.2);
        verdict(&format!("roles, {count} cold: % throttled"), cold.throttled, 5.0);
    });
}

fn anchor(count: usize) {
    let clock = Clock::default();
    let (sts, source) = (Sts::new(&clock, LIMIT, BURST), Source::default());
    clock.block_on(async {
        let identity = SharedIdToken::new(source.clone());
        let mut providers = Vec::new();
        for number in 0..count {
            providers.push(sts.provider(identity.clone(), &arn(number)).await);
        }
        let cold = cold(&clock, &sts, &providers).await;
        println!(
            "roles, {count} cold, a provider for each: {:.1} s, {:.1} % of the calls throttled, {} errors",
            cold.seconds, cold.throttled, cold.errors
        );
    });
}

/// With an STS without a limit, so that all exchanges are done.
fn memory(count: usize) {
    let clock = Clock::default();
    let (sts, source) = (Sts::new(&clock, LIMIT, BURST), Source::default());
    sts.keep_no_calls();
    clock.block_on(async {
        let roles = sts.roles(&source).build().await.unwrap();
        roles.role(arn(count)).unwrap().session().await.unwrap();
        let (before, peak) = (held_by_this_thread(), PeakSince::now());
        let providers: Vec<_> = (0..count).map(|it| roles.role(arn(it)).unwrap()).collect();
        join_all(providers.iter().map(|it| persistent(&clock, it))).await;
        let held = (held_by_this_thread() - before) as f64;
        let each = |bytes: f64| bytes / count as f64 / 1024.0;
        verdict(
            &format!("roles, {count}: KiB held for each"),
            each(held),
            16.0,
        );
        println!(
            "roles, {count} cold at once: KiB for each at the peak, with the callers' own: {:.2}",
            each(peak.bytes() as f64)
        );
    });
}

fn refreshes(count: usize) {
    const HOURS: usize = 4;
    let clock = Clock::default();
    let (sts, source) = (Sts::new(&clock, LIMIT, BURST), Source::default());
    clock.block_on(async {
        let policy = RefreshPolicy::new().keep_warm(true);
        let builder = sts.roles(&source).refresh_policy(policy);
        let roles = builder.build().await.unwrap();
        let providers: Vec<_> = (0..count).map(|it| roles.role(arn(it)).unwrap()).collect();
        cold(&clock, &sts, &providers).await;
        let (mut refreshes, mut most) = (0, 0);
        for hour in 1..=HOURS {
            clock.sleep(Duration::from_secs(3600)).await;
            let calls = sts.take_calls();
            let busiest = busiest_second(&calls);
            println!(
                "roles, {count}, hour {hour}: {} refreshes, busiest second {busiest}",
                calls.len()
            );
            // The first hour ends before most second refreshes begin.
            if hour > 1 {
                refreshes += calls.len();
                most = most.max(busiest);
            }
        }
        // Over three hours: an hour can have 1,000 refreshes or 1,700 of 1,000 roles, and one
        // refresh is the least that the busiest second can have.
        let mean = refreshes as f64 / 3600.0 / (HOURS - 1) as f64;
        verdict(
            &format!("roles, {count}: busiest second, ratio to the mean of {mean:.2}"),
            most as f64 / mean,
            3.0,
        );
    });
}

fn main() {
    for count in [1000, 10_000] {
        ours(count);
        anchor(count);
        memory(count);
        refreshes(count);
    }
}
