//! 2,000 requests a second to S3 during a rotation whose exchange takes 300 ms: the slowest
//! request. Ours under `lazy()` and under `no_cache()`, and the SDK's own provider under `lazy()`.
//! Goal: no request slower than the p99.9 of hits. By definition one hit in a thousand is slower.
//! Whether a request waited shows in two other figures, also printed: how many requests were that
//! slow without a rotation, and how the slowest compares with the exchange.

mod support;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::config::{IdentityCache, SharedIdentityCache};
use std::time::{Duration, Instant};
use support::peer::{Clock, Network, exchanges, of_the_sdk, ours};

const RATE: u32 = 2_000;
const EXCHANGE: Duration = Duration::from_millis(300);
/// How long the load lasts after each skip of the clock.
const STRETCH: Duration = Duration::from_secs(2);
/// Into the refresh window, to where `lazy()` asks again, to the last seconds before the expiry.
const SKIPS: [u64; 3] = [3_000, 60, 531];

/// The latencies of a stretch of load, sorted.
#[allow(clippy::disallowed_methods)]
async fn load(client: &aws_sdk_s3::Client, stretch: Duration) -> Vec<Duration> {
    let mut pace = tokio::time::interval(Duration::from_secs(1) / RATE);
    let requests = stretch.as_secs() * u64::from(RATE);
    let mut tasks = Vec::new();
    for _ in 0..requests {
        pace.tick().await;
        let client = client.clone();
        tasks.push(tokio::spawn(async move {
            let start = Instant::now();
            client.list_buckets().send().await.unwrap();
            start.elapsed()
        }));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.push(task.await.unwrap());
    }
    times.sort();
    times
}

fn rotation(
    bench: &support::Bench,
    clock: &Clock,
    name: &str,
    provider: SharedCredentialsProvider,
    cache: SharedIdentityCache,
) -> f64 {
    let client = support::s3(bench.emulator.sdk_config(), provider, cache);
    bench.runtime.block_on(async {
        client.list_buckets().send().await.unwrap();
        let before = exchanges(bench);
        let hits = load(&client, STRETCH * 2).await;
        let p999 = hits[hits.len() * 999 / 1000];
        let slower = |times: &[Duration]| times.iter().filter(|time| **time > p999).count();
        println!("rotation, {name}: hits: p99.9 {p999:?}");
        let summary = |times: &[Duration]| {
            format!(
                "median {:?}, slowest {:?}, {} of {} slower than that p99.9",
                times[times.len() / 2],
                times[times.len() - 1],
                slower(times),
                times.len(),
            )
        };
        let mut control = Vec::new();
        let mut rotation = Vec::new();
        for (times, skips) in [(&mut control, [0; 3]), (&mut rotation, SKIPS)] {
            for skip in skips {
                clock.skip(skip);
                times.extend(load(&client, STRETCH).await);
            }
            times.sort();
        }
        let rotated = exchanges(bench) - before;
        println!(
            "rotation, {name}: as long without one: {}",
            summary(&control)
        );
        println!(
            "rotation, {name}: {rotated} exchange(s): {}",
            summary(&rotation)
        );
        assert!(rotated >= 1, "there was no rotation");
        support::verdict(
            &format!("rotation, {name}: slowest request / p99.9 of hits"),
            rotation[rotation.len() - 1].as_secs_f64() / p999.as_secs_f64(),
            1.0,
        );
        rotation[rotation.len() - 1].as_secs_f64() / EXCHANGE.as_secs_f64()
    })
}

fn main() {
    let (bench, clock) = support::Bench::with_clock();
    let network = Network::new(&bench, EXCHANGE);
    for (name, cache) in [
        ("ours under lazy", IdentityCache::lazy().build()),
        ("ours under no_cache", IdentityCache::no_cache()),
    ] {
        let provider = SharedCredentialsProvider::new(ours(&bench, &clock, &network));
        let slowest = rotation(&bench, &clock, name, provider, cache);
        support::verdict(
            &format!("rotation, {name}: slowest request / exchange"),
            slowest,
            0.1,
        );
    }
    let (provider, _file) = of_the_sdk(&bench, &clock, &network);
    let provider = SharedCredentialsProvider::new(provider);
    let name = "the SDK's web_identity_token under lazy";
    let slowest = rotation(
        &bench,
        &clock,
        name,
        provider,
        IdentityCache::lazy().build(),
    );
    println!("rotation, {name}: slowest request / exchange: {slowest:.2}");
}
