//! A hit: what a request pays for cached credentials, with one thread and with two.
//!
//! Measures ours through `dyn ProvideCredentials`, the SDK's caches, `gcp_auth`'s cached token, and
//! the floor: both clocks, an atomic load and a clone. Also the floor as a future of the trait,
//! which any provider must return. Goals: at most 1.8 times the floor with one thread, at most 0.5
//! times `lazy()` with one thread and with two, no allocation.

#[path = "../tests/it/allocations.rs"]
#[allow(dead_code, reason = "the tests measure more with it")]
mod allocations;
mod support;

use arc_swap::ArcSwap;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime_api::client::identity::{
    ResolveCachedIdentity, SharedIdentityCache, SharedIdentityResolver,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_types::config_bag::ConfigBag;
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use gcp_auth::TokenProvider;
use std::hint::black_box;
use std::sync::Barrier;
use std::time::Instant;

/// The floor, also behind the trait.
#[derive(Debug)]
struct Floor {
    slot: ArcSwap<Credentials>,
    wall: SharedTimeSource,
    start: Instant,
}

impl Floor {
    fn hit(&self) -> Credentials {
        black_box((self.wall.now(), self.start.elapsed()));
        Credentials::clone(&self.slot.load())
    }
}

impl ProvideCredentials for Floor {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Ok(self.hit()))
    }
}

type Work<'a> = (&'static str, Box<dyn Fn() + Sync + 'a>);

fn through_trait(provider: &dyn ProvideCredentials) -> Credentials {
    let credentials = provider.provide_credentials().now_or_never();
    credentials.expect("a hit").unwrap()
}

#[allow(clippy::disallowed_methods)]
fn two_threads(runtime: &tokio::runtime::Handle, calls: u32, work: &(dyn Fn() + Sync)) -> f64 {
    let barrier = Barrier::new(2);

    std::thread::scope(|scope| {
        let one = || {
            let _entered = runtime.enter();
            barrier.wait();
            let start = Instant::now();
            for _ in 0..calls {
                work();
            }
            start.elapsed().as_secs_f64() / f64::from(calls)
        };
        let other = scope.spawn(one);
        one().max(other.join().unwrap())
    })
}

fn hit(criterion: &mut Criterion) {
    let bench = support::Bench::new();
    let _entered = bench.runtime.enter();
    let provider = bench.provider(bench.source());
    bench.runtime.block_on(provider.session()).unwrap();
    let dynamic: &dyn ProvideCredentials = &provider;
    let another = bench.provider(bench.source());
    bench.runtime.block_on(another.session()).unwrap();
    let of_two_roles: [&dyn ProvideCredentials; 2] = [&provider, &another];

    let cached = provider
        .provide_credentials()
        .now_or_never()
        .unwrap()
        .unwrap();
    #[allow(clippy::disallowed_methods)]
    let floor = Floor {
        slot: ArcSwap::from_pointee(cached.clone()),
        wall: SharedTimeSource::new(SystemTimeSource::new()),
        start: Instant::now(),
    };
    let floor_behind_the_trait: &dyn ProvideCredentials = &floor;

    let components = RuntimeComponentsBuilder::for_tests()
        .with_time_source(Some(SystemTimeSource::new()))
        .with_sleep_impl(Some(aws_smithy_async::rt::sleep::TokioSleep::new()))
        .build()
        .unwrap_or_else(|error| panic!("{error}"));
    let resolver =
        |credentials: SharedCredentialsProvider| SharedIdentityResolver::new(credentials);
    let lazy: SharedIdentityCache = IdentityCache::lazy().build();
    let fixed = resolver(SharedCredentialsProvider::new(cached.clone()));
    let none = IdentityCache::no_cache();
    let ours = resolver(SharedCredentialsProvider::new(provider.clone()));
    let bag = ConfigBag::base();
    let through = |cache: &SharedIdentityCache, resolver: &SharedIdentityResolver| {
        let identity = cache.resolve_cached_identity(resolver.clone(), &components, &bag);
        black_box(identity.now_or_never().expect("a hit").unwrap());
    };
    let key = bench
        .emulator
        .key_file_json(bench.emulator.service_account_email())
        .unwrap();
    let account = gcp_auth::CustomServiceAccount::from_json(&key).unwrap();
    let scopes = ["https://www.googleapis.com/auth/cloud-platform"];
    bench.runtime.block_on(account.token(&scopes)).unwrap();
    bench
        .runtime
        .block_on(async { through_async(&lazy, &fixed, &components, &bag).await });

    let works: Vec<Work<'_>> = vec![
        (
            "floor",
            Box::new(|| {
                black_box(floor.hit());
            }),
        ),
        (
            "ours",
            Box::new(|| {
                black_box(through_trait(dynamic));
            }),
        ),
        ("lazy over static", Box::new(|| through(&lazy, &fixed))),
        ("no_cache over ours", Box::new(|| through(&none, &ours))),
        (
            "floor, as a future",
            Box::new(|| {
                black_box(through_trait(floor_behind_the_trait));
            }),
        ),
        (
            "ours, of two roles, both",
            Box::new(|| {
                for provider in of_two_roles {
                    black_box(through_trait(provider));
                }
            }),
        ),
        (
            "gcp_auth",
            Box::new(|| {
                black_box(account.token(&scopes).now_or_never().unwrap().unwrap());
            }),
        ),
    ];
    let mut group = criterion.benchmark_group("hit");
    for (name, work) in &works {
        group.bench_function(*name, |bench| bench.iter(work));
    }
    group.finish();

    for threads in [1, 2] {
        let mut times = vec![Vec::new(); works.len()];
        for _ in 0..41 {
            for ((_, work), times) in works.iter().zip(&mut times) {
                times.push(match threads {
                    1 => support::medians(1, 20_000, &mut [&mut || work()])[0],
                    _ => two_threads(bench.runtime.handle(), 20_000, work),
                });
            }
        }
        let median = |times: &mut Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        };
        let medians: Vec<f64> = times.iter_mut().map(median).collect();
        for ((name, _), time) in works.iter().zip(&medians) {
            println!("hit, {threads} thread(s), {name}: {:.0} ns", time * 1e9);
        }
        let to_floor = medians[1] / medians[0];
        match threads {
            1 => support::verdict("hit, 1 thread(s): ours / floor", to_floor, 1.8),
            _ => println!("hit, {threads} thread(s): ours / floor: {to_floor:.2}"),
        }
        support::verdict(
            &format!("hit, {threads} thread(s): ours / lazy"),
            medians[1] / medians[2],
            0.5,
        );
    }
    for (name, work) in &works {
        let before = allocations::on_this_thread();
        for _ in 0..1000 {
            work();
        }
        println!(
            "hit, allocations, {name}: {}",
            (allocations::on_this_thread() - before) / 1000
        );
    }
}

async fn through_async(
    cache: &SharedIdentityCache,
    resolver: &SharedIdentityResolver,
    components: &aws_smithy_runtime_api::client::runtime_components::RuntimeComponents,
    bag: &ConfigBag,
) {
    cache
        .resolve_cached_identity(resolver.clone(), components, bag)
        .await
        .unwrap();
}

criterion_group!(benches, hit);
criterion_main!(benches);
