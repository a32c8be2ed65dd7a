//! Every call under every fault: the error with nothing cached, the credentials with some cached,
//! and the recovery.

mod cases;
mod fixture;
mod page;
mod targets;

use crate::allocations::PeakSince;
use crate::refresh::world::seconds;
use crate::support::chain;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{Error, ErrorKind, GoogleWebIdentityProvider};
use cases::{CASES, Case, Outcome};
use fixture::Fixture;
use futures_util::FutureExt;
use page::Row;
use targets::{TARGETS, Target};

/// More than an answer of 64 KiB costs in buffers and copies, of client and emulator together.
const MEMORY: usize = 2 << 20;

/// The cached credentials, without waiting.
fn cached(provider: &GoogleWebIdentityProvider) -> Credentials {
    let credentials = provider.provide_credentials().now_or_never();
    credentials.expect("at once").expect("cached and valid")
}

fn key(provider: &GoogleWebIdentityProvider) -> String {
    cached(provider).access_key_id().to_owned()
}

/// Every failed check of a case: all of them say more than the first.
#[derive(Default)]
struct Findings(Vec<String>);

impl Findings {
    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

/// With nothing cached. Returns whether the error is retryable.
async fn cold(
    fixture: &Fixture,
    target: &Target,
    case: &Case,
    provider: &GoogleWebIdentityProvider,
    findings: &mut Findings,
) -> bool {
    fixture.start(case, target).await;
    let peak = PeakSince::now();
    let (result, waited) = fixture.session(provider).await;
    let (peak, tries) = (peak.bytes(), fixture.attempts(target));
    findings.check(peak < MEMORY, || format!("{peak} bytes of memory"));
    let (kind, expected_tries, wait) = match (case.outcome(target.call), result) {
        (Outcome::Taken, Ok(_)) => {
            findings.check(tries == 1 && waited.is_zero(), || {
                format!("taken after {tries} tries and {waited:?}")
            });
            return false;
        }
        (Outcome::Fails(kind, tries, wait), Err(error)) => {
            check_error(target, kind, &error, findings);
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

fn check_error(target: &Target, kind: ErrorKind, error: &Error, findings: &mut Findings) {
    let text = format!("{} {error:?}", chain(error));
    findings.check(
        (error.stage(), error.kind(), error.is_retryable()) == (target.stage(), kind, passes(kind)),
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

/// With credentials cached, and a refresh due.
async fn warm(
    fixture: &Fixture,
    target: &Target,
    case: &Case,
    provider: &GoogleWebIdentityProvider,
    findings: &mut Findings,
) {
    let session = provider.session().await.unwrap();
    let old = session.credentials().access_key_id().to_owned();
    let left = session.expires_at().duration_since(fixture.clock.now());
    fixture.clock.advance(left.unwrap() - seconds(899));
    fixture.start(case, target).await;
    assert_eq!(key(provider), old);
    // The fetch's deadline sleeps as long as the fetch is in flight.
    fixture
        .run_until(|| fixture.clock.sleepers() > 0, || {})
        .await;
    fixture
        .run_until(|| fixture.clock.sleepers() == 0, || drop(key(provider)))
        .await;
    let tries = fixture.attempts(target);
    match case.outcome(target.call) {
        Outcome::Taken => findings.check(key(provider) != old, || "not refreshed".to_owned()),
        Outcome::Fails(_, expected, _) => {
            findings.check(expected.are(tries), || {
                format!("{tries} tries to refresh it")
            });
            let still = provider.session().now_or_never().expect("at once").unwrap();
            findings.check(
                key(provider) == old && still.expires_at() == session.expires_at(),
                || "the cached credentials changed".to_owned(),
            );
        }
    }
    fixture.heal(target, case.pause(true)).await;
    cached(provider);
    fixture
        .run_until(|| key(provider) != old, || drop(key(provider)))
        .await;
    let next = provider.session().now_or_never().expect("at once").unwrap();
    findings.check(next.expires_at() > session.expires_at(), || {
        "the next generation is not a later one".to_owned()
    });
}

/// All faults of one call.
async fn all_faults(target: Target) -> (Vec<Row>, Vec<String>) {
    let fixture = Fixture::new().await;
    let mut rows = Vec::new();
    let mut failures = Vec::new();
    for case in CASES {
        let mut findings = Findings::default();
        let provider = fixture.provider(&target).await;
        let retryable = cold(&fixture, &target, case, &provider, &mut findings).await;
        fixture.heal(&target, case.pause(false)).await;
        match fixture.session(&provider).await.0 {
            Ok(_) => warm(&fixture, &target, case, &provider, &mut findings).await,
            Err(error) => findings.0.push(format!("not recovered: {}", chain(&error))),
        }
        findings.check(fixture.elsewhere.requests().is_empty(), || {
            "another server was called".to_owned()
        });
        rows.push(Row {
            fault: case.name,
            outcome: case.outcome(target.call),
            retryable,
        });
        let findings = findings.0.into_iter();
        failures.extend(findings.map(|what| format!("{}, {}: {what}", target.name, case.name)));
    }
    (rows, failures)
}

#[test]
fn every_fault_ends_as_docs_faults_md_says() {
    // One thread per call: allocations are counted by thread.
    let threads = TARGETS.map(|target| {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build().unwrap();
            (target, runtime.block_on(all_faults(target)))
        })
    });
    let mut tables = Vec::new();
    let mut failures = Vec::new();
    for thread in threads {
        let (target, (rows, found)) = thread.join().unwrap();
        tables.push((target, rows));
        failures.extend(found);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    page::update_or_compare(&page::written(&tables)).unwrap_or_else(|error| panic!("{error}"));
}
