//! One RS256 signature: `LocalKey` compared with aws-lc-rs and a parsed key. Goal: at most 1.1
//! times.

mod support;

use aws_google_web_identity::{LocalKey, SignJwt};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use criterion::{Criterion, criterion_group, criterion_main};
use futures_util::FutureExt;
use std::hint::black_box;

fn sign(criterion: &mut Criterion) {
    let bench = support::Bench::new();
    let file = bench
        .emulator
        .key_file_json(bench.emulator.service_account_email())
        .unwrap();
    let key = LocalKey::from_json(&file).unwrap();
    let (cx, assertion) = bench.assertion(&key);
    let json: serde_json::Value = serde_json::from_str(&file).unwrap();
    let pem = json["private_key"].as_str().unwrap().as_bytes();
    let der = jsonwebtoken::EncodingKey::from_rsa_pem(pem).unwrap();
    let pair = RsaKeyPair::from_der(der.as_bytes()).unwrap();
    let message = assertion.claims_json().as_bytes();

    let ours = || {
        black_box(
            key.sign_jwt(&cx, &assertion)
                .now_or_never()
                .unwrap()
                .unwrap(),
        )
    };
    let anchor = || {
        let mut signature = vec![0; pair.public_key().modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        )
        .unwrap();
        black_box(signature);
    };
    let mut group = criterion.benchmark_group("sign");
    group.bench_function("LocalKey", |bench| bench.iter(ours));
    group.bench_function("aws-lc-rs", |bench| bench.iter(anchor));
    group.finish();
    support::ratio(
        "sign: LocalKey / aws-lc-rs",
        1.1,
        200,
        || drop(ours()),
        anchor,
    );
}

criterion_group!(benches, sign);
criterion_main!(benches);
