//! The first credentials of a process with a warm cache, against two exchanges with a round trip of
//! 50 ms, and what a dead cache adds to a cold start. Goals: a hit of `FileCache` takes at most 1
//! ms, one of `RedisCache` at most 2 round trips after connecting, and a dead cache adds at most
//! 250 ms, once.
//!
//! The Redis server is `REDIS_SERVER`, or the one on the `PATH`.

#![allow(
    clippy::disallowed_methods,
    reason = "a bench measures the machine's own time"
)]

#[path = "support/far_away.rs"]
mod far_away;
mod support;

#[cfg(feature = "redis_1")]
#[path = "cache/redis.rs"]
mod redis;

use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{
    CacheKey, Context, FileCache, GoogleWebIdentityProvider, JwtBearer, Lease, LocalKey, Sealed,
    SealingKey, SessionCache, SessionEntry, future,
};
use aws_google_web_identity_emulator::Emulator;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUND_TRIP: Duration = Duration::from_millis(50);
const ROUNDS: usize = 15;

/// Answers nothing.
#[derive(Debug)]
struct Dead;

impl SessionCache for Dead {
    fn load<'a>(&'a self, _: &'a Context, _: &'a CacheKey) -> future::LoadSession<'a> {
        future::LoadSession::new(std::future::pending())
    }

    fn store<'a>(
        &'a self,
        _: &'a Context,
        _: &'a CacheKey,
        _: &'a SessionEntry,
    ) -> future::StoreSession<'a> {
        future::StoreSession::new(std::future::pending())
    }

    fn lease<'a>(&'a self, _: &'a Context, _: &'a CacheKey) -> future::LeaseSession<'a> {
        future::LeaseSession::new(std::future::pending())
    }

    fn release<'a>(
        &'a self,
        _: &'a Context,
        _: &'a CacheKey,
        _: Lease,
    ) -> future::ReleaseSession<'a> {
        future::ReleaseSession::new(std::future::pending())
    }
}

struct Far {
    emulator: Emulator,
    authority: far_away::Authority,
    token_uri: String,
    sts: String,
}

impl Far {
    async fn start() -> Self {
        let authority = far_away::Authority::new();
        let (token_listener, token) = far_away::reserve().await;
        let (sts_listener, sts) = far_away::reserve().await;
        let token_uri = format!("{token}/token");
        let emulator = Emulator::builder()
            .token_uri(&token_uri)
            .start()
            .await
            .unwrap();
        let near = emulator.token_uri().trim_end_matches("/token").to_owned();
        far_away::serve(token_listener, &authority, &near, ROUND_TRIP);
        far_away::serve(
            sts_listener,
            &authority,
            emulator.sts_endpoint(),
            ROUND_TRIP,
        );
        Self {
            emulator,
            authority,
            token_uri,
            sts,
        }
    }

    /// The first credentials of a process, which has nothing but the cache.
    async fn first_credentials(&self, cache: Option<Arc<dyn SessionCache>>) -> Duration {
        let email = self.emulator.service_account_email();
        let key = LocalKey::from_json(self.emulator.key_file_json(email).unwrap()).unwrap();
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .sleep_impl(TokioSleep::new())
            .endpoint_url(&self.sts)
            .build();
        let builder = GoogleWebIdentityProvider::builder(self.emulator.role_arn())
            .audience(self.emulator.audience())
            .token_source(JwtBearer::new(key).token_uri(&self.token_uri))
            .configure(&sdk);
        let builder = match cache {
            Some(cache) => builder.session_cache(cache),
            None => builder,
        };
        let provider = builder.build().await.unwrap();
        // What a process does in any case is not the cache's doing.
        let start = Instant::now();
        provider.provide_credentials().await.unwrap();
        start.elapsed()
    }

    async fn median(&self, cache: impl Fn() -> Option<Arc<dyn SessionCache>>) -> Duration {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push(self.first_credentials(cache()).await);
        }
        times.sort();
        times[times.len() / 2]
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

async fn bench(far: &Far) {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join("sessions");
    let file = || Some(Arc::new(FileCache::new(&directory).unwrap()) as Arc<dyn SessionCache>);
    let sealed_directory = directory.with_extension("sealed");
    let sealed = || {
        let cache = FileCache::new(&sealed_directory).unwrap();
        Some(Arc::new(Sealed::new(cache, SealingKey::local([7; 32]))) as Arc<dyn SessionCache>)
    };
    let without = milliseconds(far.median(|| None).await);
    println!("cache, none: {without:.1} ms for two exchanges");
    // The first round of each stores what the others load.
    for (name, hit) in [
        ("FileCache", far.median(file).await),
        ("FileCache, sealed", far.median(sealed).await),
    ] {
        let hit = milliseconds(hit);
        println!(
            "cache, {name}: {hit:.2} ms, {:.0} times as fast",
            without / hit
        );
        support::verdict(&format!("cache, {name}: a hit in ms"), hit, 1.0);
    }
    let dead = milliseconds(far.median(|| Some(Arc::new(Dead))).await);
    println!("cache, dead: {dead:.1} ms");
    support::verdict("cache, dead: what it adds in ms", dead - without, 250.0);
    #[cfg(feature = "redis_1")]
    redis::bench(far, without).await;
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // The default client trusts what the system trusts, and reads that when a process first needs
    // it: so the bench is a process of its own in which the system trusts the far servers.
    const CHILD: &str = "CACHE_CHILD";
    let directory = tempfile::tempdir().unwrap();
    let Some(ca) = std::env::var_os(CHILD) else {
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, "").unwrap();
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .env(CHILD, &ca)
            .env("SSL_CERT_FILE", &ca)
            .status()
            .unwrap();
        std::process::exit(status.code().unwrap_or(1));
    };
    let far = runtime.block_on(Far::start());
    std::fs::write(ca, &far.authority.pem).unwrap();
    runtime.block_on(bench(&far));
}
