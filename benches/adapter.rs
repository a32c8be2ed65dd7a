//! A hit through each adapter: what `object_store` and reqsign pay for cached credentials.
//!
//! Goal for `object_store`, which asks for every request: at most `provide_credentials` and one
//! allocation, that of the trait's boxed future. reqsign takes its three texts as owned strings,
//! and caches them itself, so its figures have no goal.

#[path = "../tests/it/allocations.rs"]
#[allow(dead_code, reason = "the tests measure more with it")]
mod allocations;
mod support;

use aws_credential_types::provider::ProvideCredentials;
use futures_util::FutureExt;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use reqsign_core::{Context, ProvideCredential};
use std::hint::black_box;

fn main() {
    let bench = support::Bench::new();
    let _entered = bench.runtime.enter();
    let provider = bench.provider(bench.source());
    bench.runtime.block_on(provider.session()).unwrap();
    let sdk: &dyn ProvideCredentials = &provider;
    let store: &dyn CredentialProvider<Credential = AwsCredential> = &provider;
    let context = Context::new();
    // The future's own size: what boxing it allocates.
    let size = size_of_val(&*store.get_credential());

    let mut ask_sdk = || drop(black_box(sdk.provide_credentials().now_or_never()));
    let mut ask_store = || drop(black_box(store.get_credential().now_or_never()));
    let mut ask_reqsign = || {
        let credential = provider.provide_credential(&context);
        drop(black_box(credential.now_or_never()));
    };
    let mut allocate = || drop(black_box(Vec::<u8>::with_capacity(black_box(size))));
    for (name, ask) in [
        ("provide_credentials", &mut ask_sdk as &mut dyn FnMut()),
        ("object_store", &mut ask_store),
        ("reqsign", &mut ask_reqsign),
    ] {
        ask();
        let before = allocations::on_this_thread();
        ask();
        let count = allocations::on_this_thread() - before;
        println!("adapter, {name}: {count} allocations");
    }
    let times = support::medians(
        41,
        20_000,
        &mut [
            &mut ask_sdk,
            &mut ask_store,
            &mut ask_reqsign,
            &mut allocate,
        ],
    );
    let names = [
        "provide_credentials",
        "object_store",
        "reqsign",
        "an allocation",
    ];
    for (name, time) in names.iter().zip(&times) {
        println!("adapter, {name}: {:.0} ns", time * 1e9);
    }
    let ratio = times[1] / (times[0] + times[3]);
    support::verdict(
        "adapter: object_store / (provide_credentials + an allocation)",
        ratio,
        1.0,
    );
}
