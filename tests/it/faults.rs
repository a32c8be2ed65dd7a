//! Every hop under every fault: what a caller sees with nothing held and with credentials held, and that it heals.

mod hops;
mod menu;
mod page;
mod scene;

use crate::allocations::PeakSince;
use crate::refresh::world::seconds;
use crate::support::chain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{Error, ErrorKind, GoogleWebIdentityProvider};
use futures_util::FutureExt;
use hops::{WAYS, Way};
use menu::{FAULTS, Fault, Outcome};
use page::Row;
use scene::Scene;

/// More than an answer of 64 KiB costs, in buffers and copies, with the client's own and the emulator's side of it.
const MEMORY: usize = 2 << 20;

/// The credentials, which must be there without waiting.
fn held(provider: &GoogleWebIdentityProvider) -> Credentials {
    let credentials = provider.provide_credentials().now_or_never();
    credentials
        .expect("at once")
        .expect("what is held is valid")
}

fn key(provider: &GoogleWebIdentityProvider) -> String {
    held(provider).access_key_id().to_owned()
}

/// What goes wrong in a case is collected: all of it says more than the first.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

/// With nothing held.
async fn cold(
    scene: &Scene,
    way: &Way,
    fault: &Fault,
    provider: &GoogleWebIdentityProvider,
    findings: &mut Findings,
) -> bool {
    scene.make(fault, way).await;
    let peak = PeakSince::now();
    let (result, waited) = scene.session(provider).await;
    let (peak, tries) = (peak.bytes(), scene.tries(way));
    findings.check(peak < MEMORY, || format!("{peak} bytes of memory"));
    let (kind, expected_tries, wait) = match (fault.outcome(way.hop), result) {
        (Outcome::Taken, Ok(_)) => {
            findings.check(tries == 1 && waited.is_zero(), || {
                format!("taken after {tries} tries and {waited:?}")
            });
            return false;
        }
        (Outcome::Fails(kind, tries, wait), Err(error)) => {
            check_error(way, kind, &error, findings);
            (kind, tries, wait)
        }
        (expected, result) => {
            let result = result.map(drop).map_err(|error| chain(&error));
            findings
                .0
                .push(format!("{result:?} instead of {expected:?}"));
            return false;
        }
    };
    findings.check(expected_tries.are(tries), || format!("{tries} tries"));
    findings.check(wait.is(waited.as_millis()), || format!("after {waited:?}"));
    passes(kind)
}

/// Whether a failure of this kind may pass by itself.
fn passes(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Throttled
    )
}

fn check_error(way: &Way, kind: ErrorKind, error: &Error, findings: &mut Findings) {
    let text = format!("{} {error:?}", chain(error));
    findings.check(
        (error.stage(), error.kind(), error.is_retryable()) == (way.stage, kind, passes(kind)),
        || text.clone(),
    );
    findings.check(text.len() < 4096, || {
        format!("an error of {} bytes", text.len())
    });
    for secret in ["eyJ", "ya29", "hush"] {
        findings.check(!text.contains(secret), || {
            format!("{secret:?} is in: {text}")
        });
    }
}

/// With credentials held, and a refresh due.
async fn warm(
    scene: &Scene,
    way: &Way,
    fault: &Fault,
    provider: &GoogleWebIdentityProvider,
    findings: &mut Findings,
) {
    let session = provider.session().await.unwrap();
    let old = session.credentials().access_key_id().to_owned();
    let left = session.expires_at().duration_since(scene.clock.now());
    scene.clock.advance(left.unwrap() - seconds(899));
    scene.make(fault, way).await;
    assert_eq!(key(provider), old);
    // The fetch's deadline is a sleeper from start to end.
    scene.pass(|| scene.clock.sleepers() > 0, || {}).await;
    scene
        .pass(|| scene.clock.sleepers() == 0, || drop(key(provider)))
        .await;
    let tries = scene.tries(way);
    match fault.outcome(way.hop) {
        Outcome::Taken => findings.check(key(provider) != old, || "not refreshed".to_owned()),
        Outcome::Fails(_, expected, _) => {
            findings.check(expected.are(tries), || {
                format!("{tries} tries to refresh it")
            });
            let still = provider.session().now_or_never().expect("at once").unwrap();
            findings.check(
                key(provider) == old && still.expires_at() == session.expires_at(),
                || "the held credentials changed".to_owned(),
            );
        }
    }
    scene.heal(way).await;
    held(provider);
    scene
        .pass(|| key(provider) != old, || drop(key(provider)))
        .await;
    let next = provider.session().now_or_never().expect("at once").unwrap();
    findings.check(next.expires_at() > session.expires_at(), || {
        "the next generation is not a later one".to_owned()
    });
}

/// All faults at one hop.
async fn hop(way: Way) -> (Vec<Row>, Vec<String>) {
    let scene = Scene::new().await;
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for fault in FAULTS {
        let mut findings = Findings::default();
        let provider = scene.provider(&way).await;
        let retryable = cold(&scene, &way, fault, &provider, &mut findings).await;
        scene.heal(&way).await;
        match scene.session(&provider).await.0 {
            Ok(_) => warm(&scene, &way, fault, &provider, &mut findings).await,
            Err(error) => findings.0.push(format!("not healed: {}", chain(&error))),
        }
        findings.check(scene.elsewhere.requests().is_empty(), || {
            "somebody else was called".to_owned()
        });
        rows.push(Row {
            fault: fault.name,
            outcome: fault.outcome(way.hop),
            retryable,
        });
        let findings = findings.0.into_iter();
        failures.extend(findings.map(|what| format!("{}, {}: {what}", way.name, fault.name)));
    }
    (rows, failures)
}

#[test]
fn every_fault_of_every_hop_is_survived_named_and_healed_as_docs_faults_md_says() {
    // A thread for each hop: what is allocated is counted by thread.
    let hops = WAYS.map(|way| {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            (way, runtime.block_on(hop(way)))
        })
    });
    let mut tables = Vec::new();
    let mut failures = Vec::new();
    for hop in hops {
        let (way, (rows, found)) = hop.join().unwrap();
        tables.push((way, rows));
        failures.extend(found);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    page::update_or_compare(&page::written(&tables)).unwrap_or_else(|error| panic!("{error}"));
}
