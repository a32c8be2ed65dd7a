//! Thirty simulated days of a client with a steady rate of requests. Each day has an outage, a key
//! rotation, clocks that step, a suspended machine and runtimes that end.

mod servers;

use crate::allocations::held_by_this_thread;
use crate::refresh::world::Clock;
use crate::support::watch;
use crate::support::{AUDIENCE, ROBOT, ROLE, chain, sdk_config};
use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{Error, GoogleWebIdentityProvider};
use aws_google_web_identity_emulator::Emulator;
use aws_smithy_types::retry::RetryConfig;
use futures_util::FutureExt;
use servers::Servers;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

const DAYS: u64 = 30;
const DAY: u64 = 86_400;
/// The client makes requests at this interval, in seconds.
const PACE: u64 = 20;
/// It makes this many requests each time.
const BURST: u64 = 3;

/// What happens in a day.
#[derive(Clone, Copy, Debug)]
enum Event {
    Outage {
        of_sts: bool,
    },
    Recovery,
    /// Google no longer accepts the old key. The file still has it.
    KeyRotated,
    KeyFileReplaced,
    /// The local wall clock is set, by this many seconds.
    ClockSet(i64),
    Suspended(u64),
    RuntimeEnds,
}

/// The events of a day by the second at which they happen, and for how many seconds exchanges may
/// fail.
fn plan(random: &mut fastrand::Rng) -> (BTreeMap<u64, Event>, u64) {
    let mut events = BTreeMap::new();
    let mut at = |second: u64, event| {
        // At most one event a second, in the order in which they are planned.
        let free = (second..)
            .find(|second| !events.contains_key(second))
            .unwrap();
        events.insert(free, event);
    };
    let outage = random.u64(60..=45 * 60);
    let begins = random.u64(0..DAY - outage - 10);
    at(
        begins,
        Event::Outage {
            of_sts: random.bool(),
        },
    );
    at(begins + outage, Event::Recovery);
    let gap = random.u64(0..600);
    let rotation = random.u64(0..DAY - gap - 10);
    at(rotation, Event::KeyRotated);
    at(rotation + gap, Event::KeyFileReplaced);
    let off = random.i64(-6 * 3600..=6 * 3600);
    let set = random.u64(0..DAY / 2);
    at(set, Event::ClockSet(off));
    at(random.u64(DAY / 2..DAY - 10), Event::ClockSet(-off));
    at(
        random.u64(0..DAY - 10),
        Event::Suspended(random.u64(60..7200)),
    );
    for _ in 0..3 {
        at(random.u64(0..DAY - 10), Event::RuntimeEnds);
    }
    (events, outage + gap)
}

struct Client {
    provider: GoogleWebIdentityProvider,
    clock: Clock,
    servers: Servers,
    /// When the session that the client got last really ends.
    good_until: u64,
    errors: u64,
}

impl Client {
    /// Makes one request, then lets background tasks run.
    async fn request(&mut self) {
        match self.provider.provide_credentials().await {
            Ok(credentials) => {
                let ends = self.servers.end_of(credentials.access_key_id());
                assert!(
                    self.servers.now() < ends,
                    "the client got expired credentials"
                );
                self.good_until = ends;
            }
            Err(error) => {
                self.errors += 1;
                // By either clock: the local one may have been set ahead.
                let believed = self.believed_expiry();
                assert!(
                    self.servers.now() >= self.good_until || believed,
                    "an error {} s before the real expiry: {}",
                    self.good_until - self.servers.now(),
                    chain(&error)
                );
            }
        }
        for _ in 0..12 {
            tokio::task::yield_now().await;
        }
    }

    fn believed_expiry(&self) -> bool {
        self.servers.clock_jumped_since_last_session()
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.servers.pass(seconds);
    }
}

fn key_file(emulator: &Emulator, path: &Path) {
    std::fs::write(path, emulator.key_file_json(ROBOT).unwrap()).unwrap();
}

fn month(seed: u64) {
    let outer = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // Makes keys and their files. The servers of this test are in process.
    let emulator = outer.block_on(watch::start());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key.json");
    key_file(&emulator, &path);
    let servers = Servers::new(&emulator);
    let clock = Clock::default();
    let config = sdk_config()
        .into_builder()
        .http_client(servers.client())
        .retry_config(RetryConfig::disabled())
        .time_source(clock.clone())
        .sleep_impl(clock.clone())
        .build();
    let provider = GoogleWebIdentityProvider::builder(ROLE)
        .audience(AUDIENCE)
        .configure(&config)
        .monotonic_clock(clock.clone())
        .environment([("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().unwrap())])
        .build();
    let mut client = Client {
        provider: outer.block_on(provider).unwrap(),
        clock,
        servers,
        good_until: 0,
        errors: 0,
    };
    let mut random = fastrand::Rng::with_seed(seed);
    let mut held = Vec::new();
    for day in 0..DAYS {
        let (events, failing) = plan(&mut random);
        let before = client.servers.calls();
        let mut second = 0;
        while second < DAY {
            // A runtime lasts until the plan or the day ends it.
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                while second < DAY {
                    let due: Vec<Event> = events
                        .range(second..second + PACE)
                        .map(|(_, event)| *event)
                        .collect();
                    second += PACE;
                    client.pass(PACE);
                    let mut ends = false;
                    for event in due {
                        match event {
                            Event::Outage { of_sts } => client.servers.fail(of_sts),
                            Event::Recovery => client.servers.recover(),
                            Event::KeyRotated => {
                                emulator.rotate_key_file(ROBOT).unwrap();
                                client.servers.trust_key_of(&emulator);
                            }
                            Event::KeyFileReplaced => key_file(&emulator, &path),
                            Event::ClockSet(by) => {
                                client.clock.step(by);
                                client.servers.clock_was_set();
                            }
                            Event::Suspended(seconds) => {
                                client.clock.step(i64::try_from(seconds).unwrap());
                                client.servers.pass(seconds);
                            }
                            Event::RuntimeEnds => ends = true,
                        }
                    }
                    // More requests at a time than an outage allows attempts.
                    for _ in 0..BURST {
                        client.request().await;
                    }
                    if ends {
                        // In the middle of a fetch.
                        let _: Option<Result<(), Error>> = client.provider.refresh().now_or_never();
                        return;
                    }
                }
            });
        }
        let calls = client.servers.calls() - before;
        // One for each session, which lasts at least 42 min before it is refreshed; one at each
        // interval while exchanges fail; and one for each event that ends a session or a fetch.
        let bound = DAY / (42 * 60) + failing / PACE + 12;
        assert!(
            calls <= bound,
            "seed {seed}, day {day}: {calls} exchanges, more than {bound}"
        );
        assert!(calls >= 24, "seed {seed}, day {day}: {calls} exchanges");
        client.servers.forget_ended();
        watch::search(client.servers.take_secrets().iter().map(String::as_str));
        emulator.look();
        // The emulator keeps its secrets, the key of each day included.
        let secrets: usize = emulator.secrets().iter().map(String::len).sum();
        held.push(held_by_this_thread() - isize::try_from(secrets).unwrap());
    }
    let (early, late) = (held[2], held[held.len() - 1]);
    assert!(
        (late - early).abs() < 64 * 1024,
        "seed {seed}: {early} bytes held, then {late}"
    );
    // Of 129,600 requests, only those fail that an outage leaves without a valid session.
    assert!(
        client.errors < DAYS * 45 * 60 / PACE * BURST,
        "{}",
        client.errors
    );
}

#[test]
fn a_month_without_an_error_before_a_real_expiry_seed_1() {
    month(1);
}

#[test]
fn a_month_without_an_error_before_a_real_expiry_seed_2() {
    month(2);
}
