//! 10,000 cold callers at once, with a healthy and with a failing source: how many exchanges they
//! make, and when the last caller has its answer. Ours, and the SDK's `lazy()` over the same
//! exchange without a cache of ours. Goal: one exchange each.

mod support;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_google_web_identity::GoogleWebIdentityProvider;
use aws_sdk_s3::config::IdentityCache;
use futures_util::future::join_all;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const CALLERS: usize = 10_000;

/// The same exchange without a cache, for `lazy()` alone.
#[derive(Debug)]
struct Uncached(GoogleWebIdentityProvider);

impl ProvideCredentials for Uncached {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            match self.0.refresh().await {
                Ok(()) => self.0.provide_credentials().await,
                Err(error) => Err(CredentialsError::provider_error(error)),
            }
        })
    }
}

#[allow(clippy::disallowed_methods)]
fn herd(bench: &support::Bench, fails: bool) {
    let state = if fails { "failing" } else { "healthy" };
    let source = |delay| {
        let mut source = bench.source();
        source.delay = delay;
        source.fails.store(fails, Ordering::SeqCst);
        source
    };
    let delay = Duration::from_millis(20);

    let ours = source(delay);
    let provider = bench.provider(ours.clone());
    let start = Instant::now();
    let calls = (0..CALLERS).map(|_| provider.provide_credentials());
    let answers = bench.runtime.block_on(join_all(calls));
    let failed = answers.iter().filter(|answer| answer.is_err()).count();
    assert_eq!(failed, if fails { CALLERS } else { 0 }, "{state}");
    println!(
        "herd, {state}, ours: {} exchange(s), last answer after {:?}",
        ours.calls.load(Ordering::SeqCst),
        start.elapsed()
    );
    support::verdict(
        &format!("herd, {state}: exchanges of ours"),
        ours.calls.load(Ordering::SeqCst) as f64,
        1.0,
    );

    for (name, callers, uncached) in [
        ("ours under lazy", CALLERS, false),
        ("lazy alone", if fails { 100 } else { CALLERS }, true),
    ] {
        let source = source(delay);
        let provider = bench.provider(source.clone());
        let shared = if uncached {
            SharedCredentialsProvider::new(Uncached(provider))
        } else {
            SharedCredentialsProvider::new(provider)
        };
        let client = support::s3(
            bench.emulator.sdk_config(),
            shared,
            IdentityCache::lazy().build(),
        );
        let start = Instant::now();
        bench
            .runtime
            .block_on(join_all((0..callers).map(|_| client.list_buckets().send())));
        println!(
            "herd, {state}, {name}, {callers} callers: {} exchange(s), last answer after {:?}",
            source.calls.load(Ordering::SeqCst),
            start.elapsed()
        );
    }
}

fn main() {
    let bench = support::Bench::new();
    for fails in [false, true] {
        herd(&bench, fails);
    }
}
