//! The first credentials of a process. Google's token endpoint and STS are a round trip of 50 ms
//! away, behind TLS; the metadata server is near. Each far server takes three round trips:
//! connection, TLS 1.3 handshake, request. So a key takes at least 6 round trips, the metadata
//! server at least 3. Goal: at most 1.15 times that.
//!
//! `cargo bench --bench cold_start -- --serve` only serves, prints the addresses as a line of JSON,
//! and ends when its standard input does. cold_start.py uses it to measure google-auth and boto3.

#[path = "support/far_away.rs"]
mod far_away;
mod support;

use aws_credential_types::provider::ProvideCredentials;
use aws_google_web_identity::{
    GoogleWebIdentityProvider, JwtBearer, LocalKey, MetadataServer, ProvideIdToken,
};
use aws_google_web_identity_emulator::Emulator;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::io::Read;
use std::time::{Duration, Instant};

const ROUND_TRIP: Duration = Duration::from_millis(50);
const ROUNDS: usize = 15;

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

    /// As a program has it that starts now: nothing is connected. The system's root certificates,
    /// which the SDK keeps for the process, are loaded in the first round only; the median leaves
    /// that out.
    fn sdk_config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .sleep_impl(TokioSleep::new())
            .endpoint_url(&self.sts)
            .build()
    }

    #[allow(clippy::disallowed_methods)]
    async fn first_credentials(
        &self,
        source: impl ProvideIdToken + 'static,
    ) -> (Duration, Duration) {
        let start = Instant::now();
        let provider = GoogleWebIdentityProvider::builder(self.emulator.role_arn())
            .audience(self.emulator.audience())
            .token_source(source)
            .configure(&self.sdk_config())
            .environment([] as [(&str, &str); 0])
            .build()
            .await
            .unwrap();
        provider.provide_credentials().await.unwrap();
        let first = start.elapsed();
        let start = Instant::now();
        provider.refresh().await.unwrap();
        (first, start.elapsed())
    }
}

fn in_round_trips(time: Duration) -> f64 {
    time.as_secs_f64() / ROUND_TRIP.as_secs_f64()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

async fn bench(far: &Far) {
    let json = far
        .emulator
        .key_file_json(far.emulator.service_account_email())
        .unwrap();
    for (name, at_least) in [("from a key", 6.0), ("from the metadata server", 3.0)] {
        let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (first, second) = if at_least > 3.0 {
                let key = LocalKey::from_json(&json).unwrap();
                far.first_credentials(JwtBearer::new(key).token_uri(&far.token_uri))
                    .await
            } else {
                let metadata = MetadataServer::new().endpoint(far.emulator.metadata_endpoint());
                far.first_credentials(metadata).await
            };
            firsts.push(first);
            seconds.push(second);
        }
        let first = in_round_trips(median(firsts));
        println!(
            "cold start, {name}: {first:.2} round trips of {at_least}; the next refresh: {:.2} of {}",
            in_round_trips(median(seconds)),
            at_least / 3.0
        );
        support::verdict(
            &format!("cold start, {name}: time / serial minimum"),
            first / at_least,
            1.15,
        );
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let directory = tempfile::tempdir().unwrap();
    if std::env::args().any(|argument| argument == "--serve") {
        let far = runtime.block_on(Far::start());
        let (ca, key) = (
            directory.path().join("ca.pem"),
            directory.path().join("key.json"),
        );
        std::fs::write(&ca, &far.authority.pem).unwrap();
        let json = far
            .emulator
            .key_file_json(far.emulator.service_account_email())
            .unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&json).unwrap();
        json["token_uri"] = far.token_uri.as_str().into();
        std::fs::write(&key, json.to_string()).unwrap();
        println!(
            "{}",
            serde_json::json!({
                "ca": ca, "key": key, "sts": far.sts, "metadata_host": far.emulator.metadata_host(),
                "role": far.emulator.role_arn(), "audience": far.emulator.audience(),
                "round_trip_ms": ROUND_TRIP.as_millis(),
            })
        );
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        return;
    }
    // The default client trusts what the system trusts, and reads that when a process first needs
    // it: so the bench is a process of its own in which the system trusts the far servers.
    const TRUST: &str = "SSL_CERT_FILE";
    const CHILD: &str = "COLD_START_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let ca = directory.path().join("ca.pem");
        std::fs::write(&ca, "").unwrap();
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .env(CHILD, &ca)
            .env(TRUST, &ca)
            .status()
            .unwrap();
        std::process::exit(status.code().unwrap_or(1));
    }
    let far = runtime.block_on(Far::start());
    std::fs::write(std::env::var_os(CHILD).unwrap(), &far.authority.pem).unwrap();
    runtime.block_on(bench(&far));
}
