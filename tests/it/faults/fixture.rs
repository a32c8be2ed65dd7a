//! The emulator, the clock and the providers for the faults of one call.

use super::cases::{Case, Cause};
use super::targets::Target;
use crate::refresh::world::Clock;
use crate::support::watch::{self, Watched};
use crate::support::{AUDIENCE, ROBOT, ROLE};
use aws_google_web_identity::{Error, GoogleWebIdentityProvider, RefreshPolicy, Session};
use aws_google_web_identity_emulator::{Emulator, ServiceAccount, Trickle};
use std::sync::Mutex;
use std::time::Duration;

/// One per call.
pub struct Fixture {
    pub clock: Clock,
    pub emulator: Watched,
    /// The target of redirects.
    pub elsewhere: Watched,
    trickle: Mutex<Trickle>,
    /// Named by panics.
    case: Mutex<String>,
}

/// Turns of the runtime after which only time can make progress: enough for the emulator to answer
/// and the client to read.
const QUIET: usize = 1000;

impl Fixture {
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

    pub async fn provider(&self, target: &Target) -> GoogleWebIdentityProvider {
        let config = self.emulator.sdk_config().into_builder();
        let config = config
            .time_source(self.clock.clone())
            .sleep_impl(self.clock.clone());
        GoogleWebIdentityProvider::builder(ROLE)
            .audience(AUDIENCE)
            .token_source(target.source(&self.emulator))
            .configure(&config.build())
            .monotonic_clock(self.clock.clone())
            .environment([] as [(&str, &str); 0])
            .refresh_policy(RefreshPolicy::new().jitter(0.0))
            .build()
            .await
            .unwrap()
    }

    pub async fn start(&self, case: &Case, target: &Target) {
        *self.case.lock().unwrap() = format!("{}, {}", target.name, case.name);
        *self.trickle.lock().unwrap() = Trickle::new();
        self.emulator.look();
        self.emulator.forget_requests();
        let (emulator, call) = (&self.emulator, target.call);
        match case.cause {
            Cause::Refused => emulator.refuse_connections(call).await.unwrap(),
            Cause::Answer(answer) => emulator.answer_next(call, usize::MAX, answer(self, target)),
            Cause::Fault(fault) => emulator.fail_next(call, usize::MAX, fault(self)),
        }
    }

    pub async fn heal(&self, target: &Target, pause: Duration) {
        self.emulator.answer_genuinely();
        self.emulator.accept_connections(target.call).await.unwrap();
        self.clock.advance(pause);
    }

    pub fn trickle(&self) -> Trickle {
        self.trickle.lock().unwrap().clone()
    }

    pub fn attempts(&self, target: &Target) -> usize {
        self.emulator.requests_of(target.call).len()
    }

    /// Lets time pass until `done`. Returns the simulated time.
    pub async fn run_until(&self, done: impl Fn() -> bool, meanwhile: impl Fn()) -> Duration {
        let mut waited = Duration::ZERO;
        for _ in 0..1000 {
            for _ in 0..QUIET {
                if done() {
                    return waited;
                }
                tokio::task::yield_now().await;
            }
            meanwhile();
            // One byte per wake-up trickles, too few for a whole answer.
            if let Some(next) = self.clock.next_wake() {
                self.trickle().release(1);
                self.clock.advance(next);
                waited += next;
                // Lets the woken tasks run.
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
        let waited = self.run_until(|| asking.is_finished(), || {}).await;
        (asking.await.unwrap(), waited)
    }
}
