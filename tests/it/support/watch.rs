//! Whatever a test's flow logs, at TRACE, and whatever it shows of its errors and values, is
//! searched for every secret of its emulator when that is dropped.

use aws_google_web_identity_emulator::{Emulator, EmulatorBuilder};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::ops::Deref;
use std::sync::{Mutex, Once, PoisonError};
use tracing_subscriber::prelude::*;

/// So much is kept of what a thread logs: more than any test's flow between two looks.
const CAPACITY: usize = 24 << 20;
/// A secret is known by a stretch of letters and digits at least so long, which is the same in
/// every encoding.
const STRETCH: usize = 8;

/// What was logged and shown. It doesn't grow: some tests measure the memory of their thread.
#[derive(Default)]
struct Heard {
    text: Vec<u8>,
    overflown: bool,
}

impl Heard {
    fn make_room(&mut self) {
        if self.text.capacity() == 0 {
            self.text.reserve_exact(CAPACITY);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.make_room();
        if self.text.len() + bytes.len() <= CAPACITY {
            self.text.extend_from_slice(bytes);
        } else {
            self.overflown = true;
        }
    }

    /// The secrets that are in it, each with what stands before it.
    fn find(&self, needles: &Needles) -> Option<String> {
        assert!(
            !self.overflown,
            "more was logged than is kept: look at it earlier, by Watched::look"
        );
        let at = needles.find(&self.text)?;
        let before = String::from_utf8_lossy(&self.text[at.saturating_sub(1000)..at]);
        Some(before.into_owned())
    }
}

thread_local! {
    static OF_THIS_THREAD: RefCell<Heard> = RefCell::default();
    /// A runtime's threads work for a test of another name.
    static IS_WORKER: bool = std::thread::current().name().is_some_and(|name| name.starts_with("tokio") || name.starts_with("aws-google"));
}

static OF_WORKERS: Mutex<Heard> = Mutex::new(Heard {
    text: Vec::new(),
    overflown: false,
});

fn heard<T>(act: impl FnOnce(&mut Heard) -> T) -> T {
    if IS_WORKER.with(|is| *is) {
        let mut workers = OF_WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody forgets for them: what a test's workers did long ago has been looked at.
        if workers.overflown {
            *workers = Heard::default();
        }
        return act(&mut workers);
    }
    OF_THIS_THREAD.with_borrow_mut(act)
}

struct Ear;

impl io::Write for Ear {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        heard(|heard| heard.write(bytes));
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One subscriber for the process, of everybody's logs: with one for each test, what a log
/// statement is worth is decided anew while others run, and now and then one is missed.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(|| Ear)
            .with_ansi(false);
        tracing_subscriber::registry().with(layer).init();
    });
    heard(Heard::make_room);
}

/// What runtimes' threads logged, for whichever test.
pub fn logged_by_workers() -> String {
    let workers = OF_WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&workers.text).into_owned()
}

/// What this thread's test has logged and shown since the last look.
pub fn logged() -> String {
    listen();
    heard(|heard| String::from_utf8_lossy(&heard.text).into_owned())
}

/// Has it searched as well.
pub fn shown(text: &str) {
    heard(|heard| {
        heard.write(text.as_bytes());
        heard.write(b"\n");
    });
}

/// Stretches of secrets, by their beginnings.
struct Needles(HashMap<[u8; STRETCH], Vec<Vec<u8>>>);

impl Needles {
    fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut needles: HashMap<_, Vec<Vec<u8>>> = HashMap::new();
        for secret in secrets {
            // Of a JWT it is the signature that is secret by itself.
            let secret = match secret.matches('.').count() {
                2 => secret.rsplit('.').next().unwrap_or_default(),
                _ => secret,
            };
            let stretches = secret.split(|c: char| !c.is_ascii_alphanumeric());
            let longest = stretches.max_by_key(|stretch| stretch.len());
            if let Some(longest) = longest.map(str::as_bytes)
                && let Some(start) = longest.first_chunk::<STRETCH>()
            {
                needles.entry(*start).or_default().push(longest.to_vec());
            }
        }
        Self(needles)
    }

    /// Where the first secret in the text begins.
    fn find(&self, text: &[u8]) -> Option<usize> {
        // Most places are none by their first two bytes.
        let pair = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
        let mut begins = vec![false; 1 << 16];
        for start in self.0.keys() {
            begins[pair(start)] = true;
        }
        let mut place = 0;
        while let Some(window) = text.get(place..place + STRETCH) {
            if begins[pair(window)]
                && let Some(needles) = self.0.get(window)
                && needles.iter().any(|it| text[place..].starts_with(it))
            {
                return Some(place);
            }
            place += 1;
        }
        None
    }
}

/// An emulator that sees to it that its secrets stay secret.
#[derive(Debug)]
pub struct Watched(Emulator);

/// One with every default.
pub async fn start() -> Watched {
    start_with(Emulator::builder()).await
}

pub async fn start_with(builder: EmulatorBuilder) -> Watched {
    listen();
    Watched(builder.start().await.unwrap())
}

impl Watched {
    /// Searches what was logged and shown so far, and forgets it.
    ///
    /// # Panics
    /// When there is a secret in it.
    pub fn look(&self) {
        self.search();
        OF_THIS_THREAD.with_borrow_mut(|heard| heard.text.clear());
    }

    fn search(&self) {
        let secrets = self.0.secrets();
        search(secrets.iter().map(String::as_str));
    }
}

/// Searches what was logged and shown so far for these secrets.
///
/// # Panics
/// When there is one in it.
pub fn search<'a>(secrets: impl IntoIterator<Item = &'a str>) {
    let needles = Needles::new(secrets);
    let found = OF_THIS_THREAD.with_borrow(|heard| heard.find(&needles));
    let workers = OF_WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
    let found = found.or_else(|| workers.find(&needles));
    drop(workers);
    if let Some(before) = found {
        panic!("a secret was logged or shown, after: {before}");
    }
}

impl Deref for Watched {
    type Target = Emulator;

    fn deref(&self) -> &Emulator {
        &self.0
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.search();
        }
    }
}

#[tokio::test]
#[should_panic(expected = "a secret was logged or shown, after: ")]
async fn a_secret_in_the_logs_fails_the_test() {
    let emulator = start().await;
    let claims = serde_json::json!({"sub": "1"});
    let token = emulator.issue_id_token(&claims).unwrap();
    emulator.look();
    tracing::trace!(target: "hyper", signature = token.rsplit('.').next());
    drop(emulator);
}

#[tokio::test]
#[should_panic(expected = "a secret was logged or shown, after: ")]
async fn a_secret_in_an_error_fails_the_test() {
    let emulator = start().await;
    let key: serde_json::Value =
        serde_json::from_str(&emulator.key_file_json(super::ROBOT).unwrap()).unwrap();
    let line = key["private_key"].as_str().unwrap().lines().nth(7).unwrap();
    super::chain(&io::Error::other(format!("can't read {line}")));
    drop(emulator);
}
