//! A store in memory that works, fails, hangs or panics as the test wants it.

use aws_google_web_identity::{
    CacheKey, Context, Error, ErrorKind, Lease, MonotonicClock, SessionCache, SessionEntry, Stage,
    future,
};
use aws_google_web_identity_emulator::TestClock;
use aws_smithy_async::rt::sleep::AsyncSleep as _;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Works,
    Fails,
    Hangs,
    Panics,
    /// It panics before it returns a future.
    PanicsAtOnce,
    /// It answers after so much time.
    Slow(Duration),
    /// The machine is suspended for so many seconds; then it fails.
    Suspends(i64),
}

/// Which operations the mood is for.
pub type Operation = &'static str;

#[derive(Debug)]
struct Stored {
    bytes: Vec<u8>,
    until: Duration,
}

#[derive(Default)]
struct State {
    entries: HashMap<CacheKey, Stored>,
    /// The owner's token, and when the lease ends.
    leases: HashMap<CacheKey, (Vec<u8>, Duration)>,
    calls: Vec<Operation>,
    tokens: u64,
}

pub struct Memory {
    clock: TestClock,
    state: Mutex<State>,
    mood: Mutex<(Mood, Option<Operation>)>,
    pub shared: bool,
    pub requires_sealing: bool,
}

impl Memory {
    pub fn new(clock: TestClock) -> Self {
        Self {
            clock,
            state: Mutex::default(),
            mood: Mutex::new((Mood::Works, None)),
            shared: true,
            requires_sealing: false,
        }
    }

    /// From now on every operation is like this, or only that one.
    pub fn set(&self, mood: Mood, operation: Option<Operation>) {
        *self.mood.lock().unwrap() = (mood, operation);
    }

    pub fn calls(&self) -> Vec<Operation> {
        self.state().calls.clone()
    }

    pub fn entries(&self) -> Vec<(CacheKey, Vec<u8>)> {
        let state = self.state();
        let entries = state.entries.iter();
        entries.map(|(key, it)| (*key, it.bytes.clone())).collect()
    }

    pub fn put(&self, key: CacheKey, bytes: Vec<u8>, left: Duration) {
        let until = self.clock.elapsed() + left;
        self.state().entries.insert(key, Stored { bytes, until });
    }

    pub fn leases(&self) -> usize {
        let now = self.clock.elapsed();
        let state = self.state();
        state
            .leases
            .values()
            .filter(|(_, until)| *until > now)
            .count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn begin(&self, operation: Operation) -> Mood {
        self.state().calls.push(operation);
        let (mood, only) = *self.mood.lock().unwrap();
        let mood = match only.is_none_or(|only| only == operation) {
            true => mood,
            false => Mood::Works,
        };
        assert!(
            mood != Mood::PanicsAtOnce,
            "a panic of the user's cache, as the test wants it"
        );
        mood
    }

    async fn go(&self, mood: Mood) -> Result<(), Error> {
        if let Mood::Slow(duration) = mood {
            self.clock.sleep(duration).await;
        }
        if let Mood::Suspends(seconds) = mood {
            self.clock.step(seconds);
        }
        match mood {
            Mood::Works | Mood::Slow(_) => Ok(()),
            Mood::Fails | Mood::Suspends(_) => Err(Error::new(
                Stage::Cache,
                ErrorKind::Unavailable,
                "as the test wants it",
            )),
            Mood::Hangs => std::future::pending().await,
            Mood::Panics | Mood::PanicsAtOnce => {
                panic!("a panic of the user's cache, as the test wants it")
            }
        }
    }
}

impl SessionCache for Memory {
    fn load<'a>(&'a self, _: &'a Context, key: &'a CacheKey) -> future::LoadSession<'a> {
        let mood = self.begin("load");
        future::LoadSession::new(async move {
            self.go(mood).await?;
            let now = self.clock.elapsed();
            let state = self.state();
            let stored = state.entries.get(key).filter(|stored| stored.until > now);
            Ok(stored.map(|it| SessionEntry::new(it.bytes.clone(), it.until - now)))
        })
    }

    fn store<'a>(
        &'a self,
        _: &'a Context,
        key: &'a CacheKey,
        entry: &'a SessionEntry,
    ) -> future::StoreSession<'a> {
        let mood = self.begin("store");
        future::StoreSession::new(async move {
            self.go(mood).await?;
            let until = self.clock.elapsed() + entry.left();
            let mut state = self.state();
            if state
                .entries
                .get(key)
                .is_none_or(|stored| stored.until < until)
            {
                let bytes = entry.expose().to_vec();
                state.entries.insert(*key, Stored { bytes, until });
            }
            Ok(())
        })
    }

    fn lease<'a>(&'a self, _: &'a Context, key: &'a CacheKey) -> future::LeaseSession<'a> {
        let mood = self.begin("lease");
        future::LeaseSession::new(async move {
            self.go(mood).await?;
            let now = self.clock.elapsed();
            let mut state = self.state();
            if state.leases.get(key).is_some_and(|(_, until)| *until > now) {
                return Ok(None);
            }
            state.tokens += 1;
            let token = state.tokens.to_be_bytes().to_vec();
            state
                .leases
                .insert(*key, (token.clone(), now + Lease::LENGTH));
            Ok(Some(Lease::token(token)))
        })
    }

    fn release<'a>(
        &'a self,
        _: &'a Context,
        key: &'a CacheKey,
        lease: Lease,
    ) -> future::ReleaseSession<'a> {
        let mood = self.begin("release");
        future::ReleaseSession::new(async move {
            self.go(mood).await?;
            let mut state = self.state();
            let is_ours = |(token, _): &(Vec<u8>, _)| Some(&token[..]) == lease.owner();
            if state.leases.get(key).is_some_and(is_ours) {
                state.leases.remove(key);
            }
            Ok(())
        })
    }

    fn is_shared(&self) -> bool {
        self.shared
    }

    fn requires_sealing(&self) -> bool {
        self.requires_sealing
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
