//! Real processes at once, on one directory.

use crate::support::child;
use crate::support::watch::{self, Watched};
use crate::support::{AUDIENCE, ROLE};
use aws_google_web_identity::{FileCache, GoogleWebIdentityProvider, MetadataServer};
use aws_google_web_identity_emulator::{Call, Emulator};
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep, TokioSleep};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

const TEST: &str = "cache::processes::one_process";
const PROCESSES: usize = 50;

/// Sleeps longer than asked, as if the machine were faster: fifty processes of a debug build on a
/// machine that does other things as well take seconds for what takes milliseconds.
#[derive(Debug)]
struct Patient(TokioSleep);

impl AsyncSleep for Patient {
    fn sleep(&self, duration: Duration) -> Sleep {
        self.0.sleep(duration * 20)
    }
}

/// What each process does. In the test run it has nothing to do.
#[tokio::test]
async fn one_process() {
    if !child::is_it() {
        return;
    }
    let var = |name: &str| std::env::var(name).unwrap();
    let sdk = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_types::region::Region::new("us-east-1"))
        .endpoint_url(var("STS"))
        .sleep_impl(Patient(TokioSleep::new()))
        .build();
    let provider = GoogleWebIdentityProvider::builder(ROLE)
        .audience(AUDIENCE)
        .token_source(MetadataServer::new().endpoint(var("METADATA")))
        .configure(&sdk)
        .session_cache(FileCache::new(var("DIRECTORY")).unwrap())
        .build()
        .await
        .unwrap();
    provider.session().await.unwrap();
}

fn start(emulator: &Emulator, directory: &Path) -> Child {
    child::command(TEST)
        .env("STS", emulator.sts_endpoint())
        .env("METADATA", emulator.metadata_endpoint())
        .env("DIRECTORY", directory)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Starts them all and sees each succeed.
async fn all_succeed(emulator: &Emulator, directory: &Path) {
    let mut processes: Vec<_> = (0..PROCESSES).map(|_| start(emulator, directory)).collect();
    let ends = tokio::task::spawn_blocking(move || {
        processes
            .iter_mut()
            .map(|it| it.wait().unwrap().success())
            .collect::<Vec<_>>()
    });
    assert_eq!(ends.await.unwrap(), [true; PROCESSES]);
}

fn exchanges(emulator: &Watched) -> (usize, usize) {
    let count = |call| emulator.requests_of(call).len();
    (count(Call::MetadataIdentity), count(Call::Sts))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_at_once_make_one_exchange_and_fifty_later_none() {
    let emulator = watch::start().await;
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("sessions");
    all_succeed(&emulator, &directory).await;
    assert_eq!(exchanges(&emulator), (1, 1));
    let requests = emulator.requests().len();
    all_succeed(&emulator, &directory).await;
    assert_eq!(emulator.requests().len(), requests, "not one request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_one_with_the_lease_is_killed_they_make_two() {
    let emulator = watch::start().await;
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("sessions");
    let hold = emulator.hold(Call::Sts);
    let mut killed = start(&emulator, &directory);
    emulator.reached(Call::Sts, 1).await;
    let (done, others) = tokio::join!(
        async {
            // Another process has the lease by now, and holds it.
            let mut other = start(&emulator, &directory);
            killed.kill().unwrap();
            killed.wait().unwrap();
            emulator.reached(Call::Sts, 2).await;
            drop(hold);
            tokio::task::spawn_blocking(move || other.wait().unwrap().success())
                .await
                .unwrap()
        },
        all_succeed(&emulator, &directory)
    );
    let ((), success) = (others, done);
    assert!(success);
    assert_eq!(exchanges(&emulator).1, 2);
}
