//! Clocks, a sleep and a source that the tests control, and the emulator's STS behind them.

use crate::support::watch::{Watched, start_with};
use crate::support::{AUDIENCE, ROBOT, ROLE};
use aws_google_web_identity::{
    Audience, Builder, Context, Error, ErrorKind, GoogleWebIdentityProvider, IdToken,
    ProvideIdToken, Stage, future,
};
use aws_google_web_identity_emulator::Emulator;
pub use aws_google_web_identity_emulator::TestClock as Clock;
use aws_types::SdkConfig;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::{Semaphore, watch};

/// Where the tests' clocks begin. The emulator uses the same clock.
pub const START: u64 = 1_800_000_000;

/// What the source does when it is asked for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    Answers,
    Fails(ErrorKind),
    Hangs,
    Panics,
    /// Answers, and panics when a token is rejected.
    PanicsOnReject,
}

/// A source whose gate, while it is closed, holds each call until the test lets it through.
#[derive(Debug)]
pub struct Source {
    emulator: Arc<Watched>,
    behavior: Mutex<Behavior>,
    gate: Mutex<Option<Arc<Semaphore>>>,
    calls: watch::Sender<usize>,
    serial: AtomicUsize,
}

impl Source {
    pub fn calls(&self) -> usize {
        *self.calls.borrow()
    }

    /// Waits until it has been asked this many times in all.
    #[allow(
        clippy::disallowed_methods,
        reason = "only a test that hangs takes that long"
    )]
    pub async fn asked(&self, times: usize) {
        let mut calls = self.calls.subscribe();
        let asked = calls.wait_for(|calls| *calls >= times);
        let Ok(asked) = tokio::time::timeout(seconds(60), asked).await else {
            panic!("asked {} times, not {times}", self.calls());
        };
        asked.unwrap();
    }

    pub fn set(&self, behavior: Behavior) {
        *self.behavior.lock().unwrap() = behavior;
    }

    /// From now on calls wait until the test lets them through.
    pub fn close_gate(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(gate.clone());
        gate
    }

    pub fn open_gate(&self) {
        if let Some(gate) = self.gate.lock().unwrap().take() {
            gate.add_permits(Semaphore::MAX_PERMITS);
        }
    }

    async fn token(&self, audience: &Audience) -> Result<IdToken, Error> {
        self.calls.send_modify(|calls| *calls += 1);
        let gate = self.gate.lock().unwrap().clone();
        if let Some(gate) = gate {
            gate.acquire().await.unwrap().forget();
        }
        let behavior = *self.behavior.lock().unwrap();
        match behavior {
            Behavior::Answers | Behavior::PanicsOnReject => {}
            Behavior::Fails(kind) => {
                return Err(Error::new(Stage::Source, kind, "as the test wants it"));
            }
            Behavior::Hangs => std::future::pending().await,
            Behavior::Panics => panic!("a panic of the user's source, as the test wants it"),
        }
        let iat = self
            .emulator
            .now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let claims = serde_json::json!({
            "iss": "https://accounts.google.com", "aud": audience.as_str(), "azp": ROBOT,
            "sub": self.emulator.service_account_id(), "iat": iat, "exp": iat + 3600,
            "serial": self.serial.fetch_add(1, Ordering::SeqCst),
        });
        IdToken::parse(self.emulator.issue_id_token(&claims).unwrap())
    }
}

impl ProvideIdToken for Source {
    fn provide_id_token<'a>(
        &'a self,
        _: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.token(audience))
    }

    fn reject(&self, _: &IdToken) {
        let behavior = *self.behavior.lock().unwrap();
        assert!(
            behavior != Behavior::PanicsOnReject,
            "a panic of the user's source, as the test wants it"
        );
    }
}

pub struct World {
    pub clock: Clock,
    pub emulator: Arc<Watched>,
    pub source: Arc<Source>,
}

impl World {
    pub async fn new() -> Self {
        let clock = Clock::default();
        let emulator = Arc::new(start_with(Emulator::builder().time_source(clock.clone())).await);
        let source = Arc::new(Source {
            emulator: emulator.clone(),
            behavior: Mutex::new(Behavior::Answers),
            gate: Mutex::default(),
            calls: watch::channel(0).0,
            serial: AtomicUsize::new(0),
        });
        Self {
            clock,
            emulator,
            source,
        }
    }

    pub fn sdk_config(&self) -> SdkConfig {
        self.emulator
            .sdk_config()
            .into_builder()
            .time_source(self.clock.clone())
            .sleep_impl(self.clock.clone())
            .build()
    }

    pub fn builder(&self) -> Builder {
        let builder = GoogleWebIdentityProvider::builder(ROLE)
            .audience(AUDIENCE)
            .token_source(self.source.clone())
            .configure(&self.sdk_config())
            .monotonic_clock(self.clock.clone())
            .environment([] as [(&str, &str); 0]);
        crate::cache::promises::with_cache(builder, &self.clock)
    }

    pub async fn provider(&self) -> GoogleWebIdentityProvider {
        self.builder().build().await.unwrap()
    }

    /// Lets tasks run that only need to be polled, and requests over loopback.
    pub async fn until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..20_000 {
            if done() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("never: {what}");
    }
}

pub fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
