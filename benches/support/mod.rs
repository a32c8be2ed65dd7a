//! Shared by the benches. Not every bench uses all of it.
#![allow(dead_code, clippy::disallowed_methods)]

pub mod peer;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_google_web_identity::{
    Assertion, Audience, Context, Error, ErrorKind, GoogleWebIdentityProvider, IdToken, JwtBearer,
    LocalKey, ProvideIdToken, SignJwt, Stage, future,
};
use aws_google_web_identity_emulator::Emulator;
use aws_smithy_http_client::test_util::infallible_client_fn;
use aws_smithy_runtime_api::client::identity::ResolveCachedIdentity;
use aws_types::SdkConfig;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

/// An emulator on a runtime of its own.
pub struct Bench {
    pub runtime: tokio::runtime::Runtime,
    pub emulator: Arc<Emulator>,
}

impl Bench {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let emulator = Arc::new(runtime.block_on(Emulator::start()).unwrap());
        Self { runtime, emulator }
    }

    pub fn provider(&self, source: impl ProvideIdToken + 'static) -> GoogleWebIdentityProvider {
        let provider = GoogleWebIdentityProvider::builder(self.emulator.role_arn())
            .audience(self.emulator.audience())
            .token_source(source)
            .configure(&self.emulator.sdk_config())
            .build();
        self.runtime.block_on(provider).unwrap()
    }

    /// The assertion that a provider has this key sign.
    pub fn assertion(&self, key: &LocalKey) -> (Context, Assertion) {
        #[derive(Debug)]
        struct Catch(LocalKey, Arc<Mutex<Option<Assertion>>>);
        impl SignJwt for Catch {
            fn issuer<'a>(&'a self, cx: &'a Context) -> future::Issuer<'a> {
                self.0.issuer(cx)
            }
            fn sign_jwt<'a>(
                &'a self,
                cx: &'a Context,
                assertion: &'a Assertion,
            ) -> future::SignJwt<'a> {
                *self.1.lock().unwrap() = Some(assertion.clone());
                self.0.sign_jwt(cx, assertion)
            }
        }
        let caught = Arc::default();
        let source = JwtBearer::new(Catch(key.clone(), Arc::clone(&caught)));
        let provider = self.provider(source.token_uri(self.emulator.token_uri()));
        self.runtime.block_on(provider.id_token()).unwrap();
        let assertion = caught.lock().unwrap().take().unwrap();
        (
            Context::new(&self.emulator.sdk_config()).unwrap(),
            assertion,
        )
    }

    /// An emulator whose clock the bench controls, and the clock.
    pub fn with_clock() -> (Self, peer::Clock) {
        let mut bench = Self::new();
        let clock = peer::Clock::default();
        let emulator = Emulator::builder().time_source(clock.clone()).start();
        bench.emulator = Arc::new(bench.runtime.block_on(emulator).unwrap());
        (bench, clock)
    }

    pub fn source(&self) -> Source {
        Source {
            emulator: self.emulator.clone(),
            calls: Arc::default(),
            fails: Arc::default(),
            delay: Duration::ZERO,
        }
    }
}

/// A source that makes no call to Google, takes a given time, and can fail.
#[derive(Clone, Debug)]
pub struct Source {
    emulator: Arc<Emulator>,
    pub calls: Arc<AtomicU64>,
    pub fails: Arc<AtomicBool>,
    pub delay: Duration,
}

impl Source {
    async fn token(&self, cx: &Context, audience: &Audience) -> Result<IdToken, Error> {
        let serial = self.calls.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.delay).await;
        if self.fails.load(Ordering::SeqCst) {
            return Err(Error::new(
                Stage::Source,
                ErrorKind::Unavailable,
                "as the bench wants it",
            ));
        }
        let iat = cx.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = serde_json::json!({
            "iss": "https://accounts.google.com", "aud": audience.as_str(), "serial": serial,
            "sub": self.emulator.service_account_id(), "iat": iat, "exp": iat + 3600,
        });
        IdToken::parse(self.emulator.issue_id_token(&claims).unwrap())
    }
}

impl ProvideIdToken for Source {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.token(cx, audience))
    }
}

/// An S3 client whose requests are signed, then answered in process.
pub fn s3(
    config: SdkConfig,
    provider: SharedCredentialsProvider,
    cache: impl ResolveCachedIdentity + 'static,
) -> aws_sdk_s3::Client {
    let http = infallible_client_fn(|_| {
        http::Response::builder()
            .body("<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>")
            .unwrap()
    });
    let config = config
        .into_builder()
        .http_client(http)
        .identity_cache(cache)
        .credentials_provider(provider)
        .build();
    aws_sdk_s3::Client::new(&config)
}

/// The median time of one call of each work. The works take turns, with this many calls in each
/// round.
pub fn medians(rounds: usize, calls: u32, work: &mut [&mut dyn FnMut()]) -> Vec<f64> {
    let mut times = vec![Vec::with_capacity(rounds); work.len()];
    for _ in 0..rounds {
        for (work, times) in work.iter_mut().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..calls {
                work();
            }
            times.push(start.elapsed().as_secs_f64() / f64::from(calls));
        }
    }
    times
        .into_iter()
        .map(|mut times| {
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        })
        .collect()
}

/// Prints a figure and its goal.
pub fn verdict(name: &str, figure: f64, at_most: f64) {
    let met = if figure <= at_most { "met" } else { "MISSED" };
    println!("{name}: {figure:.2} (goal: at most {at_most}) {met}");
}

pub fn ratio(
    name: &str,
    goal: f64,
    rounds: usize,
    mut ours: impl FnMut(),
    mut anchor: impl FnMut(),
) {
    let medians = medians(rounds, 5, &mut [&mut ours, &mut anchor]);
    verdict(name, medians[0] / medians[1], goal);
}
