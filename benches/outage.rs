//! STS fails for 16 minutes, the last 15.5 of a session and 30 s more, under 5 requests a second:
//! how many exchanges are tried, and when the first error comes. Ours and the SDK's own provider,
//! both under `lazy()`. The time is simulated. Goal: no error before the real expiry; attempts
//! bounded by time.

mod support;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_google_web_identity_emulator::{Answer, Call};
use aws_sdk_s3::config::IdentityCache;
use aws_smithy_async::time::TimeSource;
use std::time::{Duration, SystemTime};
use support::peer::{Clock, Network, exchanges, of_the_sdk, ours};

const SESSION: u64 = 3600;
const OUTAGE: std::ops::Range<u64> = SESSION - 930..SESSION + 30;
const REQUESTS_A_SECOND: u32 = 5;

struct Seen {
    exchanges: usize,
    /// In seconds, from the expiry.
    first_error: Option<f64>,
    errors: u32,
    requests: u32,
}

fn outage(
    bench: &support::Bench,
    clock: &Clock,
    provider: SharedCredentialsProvider,
    expiry: SystemTime,
) -> Seen {
    let cache = IdentityCache::lazy().build();
    let client = support::s3(bench.emulator.sdk_config(), provider, cache);
    let (mut first_error, mut errors, mut requests) = (None, 0, 0);
    let mut before = 0;
    bench.runtime.block_on(async {
        client.list_buckets().send().await.unwrap();
        for second in 1..=OUTAGE.end {
            clock.skip(1);
            if second == OUTAGE.start {
                let broken = Answer::sts_error(503, "ServiceUnavailable", "as the bench wants it");
                bench.emulator.answer_next(Call::Sts, usize::MAX, broken);
                before = exchanges(bench);
            }
            // Before the outage, one request a second shows that all is well.
            for _ in 0..if OUTAGE.contains(&second) {
                REQUESTS_A_SECOND
            } else {
                1
            } {
                requests += 1;
                if client.list_buckets().send().await.is_err() {
                    errors += 1;
                    first_error.get_or_insert_with(|| match clock.now().duration_since(expiry) {
                        Ok(late) => late.as_secs_f64(),
                        Err(early) => -early.duration().as_secs_f64(),
                    });
                }
            }
        }
        let exchanges = exchanges(bench) - before;
        bench.emulator.answer_genuinely();
        clock.skip(2);
        client.list_buckets().send().await.expect("recovery");
        Seen {
            exchanges,
            first_error,
            errors,
            requests,
        }
    })
}

fn main() {
    let (bench, clock) = support::Bench::with_clock();
    let network = Network::new(&bench, Duration::ZERO);
    let provider = ours(&bench, &clock, &network);
    let session = bench.runtime.block_on(provider.session()).unwrap();
    let provider = SharedCredentialsProvider::new(provider);
    let ours = outage(&bench, &clock, provider, session.expires_at());
    let (provider, _file) = of_the_sdk(&bench, &clock, &network);
    let provider = SharedCredentialsProvider::new(provider);
    // Exact to the second: the first request fetches the session.
    let expiry = clock.now() + Duration::from_secs(SESSION);
    let theirs = outage(&bench, &clock, provider, expiry);
    for (name, seen) in [
        ("ours under lazy", &ours),
        ("the SDK's under lazy", &theirs),
    ] {
        let first = match seen.first_error {
            Some(late) => format!("first error {late:.1} s after the expiry"),
            None => "no error".to_owned(),
        };
        println!(
            "outage, {name}: {first}, {} of {} requests failed, {} exchanges tried",
            seen.errors, seen.requests, seen.exchanges
        );
    }
    for seen in [&ours, &theirs] {
        let measured = seen.first_error.is_some() && seen.exchanges > 0;
        assert!(measured, "the session was renewed before the outage");
    }
    let early = |seen: &Seen| seen.first_error.map_or(0.0, |late| (-late).max(0.0));
    support::verdict(
        "outage, ours: seconds of errors before the expiry",
        early(&ours),
        0.0,
    );
    println!(
        "outage, the SDK's: seconds of errors before the expiry: {:.1}",
        early(&theirs)
    );
    // One a second after the expiry; before it, about one a minute, and more as the remaining
    // lifetime shrinks.
    let bound = 30.0 + 16.0 * 2.0 + 12.0;
    support::verdict(
        "outage, ours: exchanges tried",
        ours.exchanges as f64,
        bound,
    );
}
