//! What the faults of one hop are made with, and the simulated time in which they are.

use super::hops::Way;
use super::menu::{Fault, Made};
use crate::refresh::world::Clock;
use crate::support::watch::{self, Watched};
use crate::support::{AUDIENCE, ROBOT, ROLE};
use aws_google_web_identity::{Error, GoogleWebIdentityProvider, RefreshPolicy, Session};
use aws_google_web_identity_emulator::{Emulator, ServiceAccount, Trickle};
use std::sync::Mutex;
use std::time::Duration;

/// Each hop has its own.
pub struct Scene {
    pub clock: Clock,
    pub emulator: Watched,
    /// Where a redirect would lead.
    pub elsewhere: Watched,
    trickle: Mutex<Trickle>,
    /// For the message of a panic.
    case: Mutex<String>,
}

/// Long enough for the emulator to answer and the client to read: after that many turns of the runtime with nothing
/// done, it is time that they wait for.
const QUIET: usize = 1000;

/// After any failure.
const HELD_OFF: Duration = Duration::from_secs(61);

impl Scene {
    pub async fn new() -> Self {
        let clock = Clock::default();
        let robot = ServiceAccount::new(ROBOT).token_creators([ROBOT]);
        let emulator = Emulator::builder()
            .service_account(robot)
            .time_source(clock.clone());
        Self {
            emulator: watch::start_with(emulator).await,
            elsewhere: watch::start().await,
            clock,
            trickle: Mutex::default(),
            case: Mutex::default(),
        }
    }

    pub async fn provider(&self, way: &Way) -> GoogleWebIdentityProvider {
        let config = self.emulator.sdk_config().into_builder();
        let config = config
            .time_source(self.clock.clone())
            .sleep_impl(self.clock.clone());
        GoogleWebIdentityProvider::builder(ROLE)
            .audience(AUDIENCE)
            .token_source(way.source(&self.emulator))
            .configure(&config.build())
            .monotonic_clock(self.clock.clone())
            .environment([] as [(&str, &str); 0])
            .refresh_policy(RefreshPolicy::new().jitter(0.0))
            .build()
            .await
            .unwrap()
    }

    pub async fn make(&self, fault: &Fault, way: &Way) {
        *self.case.lock().unwrap() = format!("{}, {}", way.name, fault.name);
        *self.trickle.lock().unwrap() = Trickle::new();
        self.emulator.look();
        self.emulator.forget_requests();
        match fault.made {
            Made::Refusing => self.emulator.refuse_connections(way.hop).await.unwrap(),
            Made::Answering(answer) => {
                self.emulator
                    .answer_next(way.hop, usize::MAX, answer(self, way));
            }
        }
    }

    pub async fn heal(&self, way: &Way) {
        self.emulator.answer_genuinely();
        self.emulator.accept_connections(way.hop).await.unwrap();
        self.clock.advance(HELD_OFF);
    }

    pub fn trickle(&self) -> Trickle {
        self.trickle.lock().unwrap().clone()
    }

    pub fn tries(&self, way: &Way) -> usize {
        self.emulator.requests_of(way.hop).len()
    }

    /// Has everybody wait until it is done, and says how much simulated time that took.
    pub async fn pass(&self, done: impl Fn() -> bool, meanwhile: impl Fn()) -> Duration {
        let mut waited = Duration::ZERO;
        for _ in 0..1000 {
            for _ in 0..QUIET {
                if done() {
                    return waited;
                }
                tokio::task::yield_now().await;
            }
            meanwhile();
            // Bytes trickle as time passes, too few of them for a whole answer.
            if let Some(next) = self.clock.until_the_next_wakes() {
                self.trickle().release(1);
                self.clock.advance(next);
                waited += next;
                // Those who were woken have yet to run.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            }
        }
        let case = self.case.lock().unwrap();
        panic!("{case}: never done, after {waited:?}");
    }

    pub async fn session(
        &self,
        provider: &GoogleWebIdentityProvider,
    ) -> (Result<Session, Error>, Duration) {
        let provider = provider.clone();
        let asking = tokio::spawn(async move { provider.session().await });
        let waited = self.pass(|| asking.is_finished(), || {}).await;
        (asking.await.unwrap(), waited)
    }
}
