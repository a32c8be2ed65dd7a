//! Simulated time, and an STS in process with a rate limit. The benches use it as well.
#![allow(dead_code, reason = "each user needs some of it")]

use aws_google_web_identity::{
    Audience, Context, Error, GoogleWebIdentityProvider, IdToken, MonotonicClock, ProvideIdToken,
    Roles, RolesBuilder, future,
};
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use aws_types::SdkConfig;
use aws_types::region::Region;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::BodyExt;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, oneshot};

pub const AUDIENCE: &str = "https://myservice.example.com";
const SESSION: Duration = Duration::from_secs(3600);
/// How long STS takes to answer.
const LATENCY: Duration = Duration::from_millis(80);

/// The ARN of the role with this number.
pub fn arn(number: usize) -> String {
    format!("arn:aws:iam::{:012}:role/tenant", 100_000_000_000 + number)
}

/// Wall clock, monotonic clock and sleep. Time passes when the runtime has nothing else to do.
#[derive(Clone, Debug, Default)]
pub struct Clock(Arc<Mutex<Time>>);

#[derive(Debug, Default)]
struct Time {
    now: Duration,
    serial: u64,
    sleeps: BTreeMap<(Duration, u64), oneshot::Sender<()>>,
}

impl Clock {
    /// Runs the future to its end on simulated time. Nothing may wait for a socket.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let clock = self.clone();
        let nudge = Arc::new(Notify::new());
        let nudged = nudge.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .on_thread_park(move || {
                if clock.end_next_sleep() {
                    nudge.notify_one();
                }
            })
            .build()
            .unwrap();
        // The sleep may have been one of another runtime: then this one must look again.
        runtime.spawn(async move {
            loop {
                nudged.notified().await;
            }
        });
        runtime.block_on(future)
    }

    /// Whether there was one.
    fn end_next_sleep(&self) -> bool {
        let mut time = self.0.lock().unwrap();
        while let Some(((at, _), sleep)) = time.sleeps.pop_first() {
            if !sleep.is_closed() {
                time.now = time.now.max(at);
                drop(time);
                let _ = sleep.send(());
                return true;
            }
        }
        false
    }

    /// Without waking anybody.
    pub fn skip(&self, by: Duration) {
        let mut time = self.0.lock().unwrap();
        time.now += by;
        time.sleeps.retain(|_, sleep| !sleep.is_closed());
    }

    pub fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().now
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.elapsed()
    }
}

impl MonotonicClock for Clock {
    fn elapsed(&self) -> Duration {
        self.elapsed()
    }
}

impl AsyncSleep for Clock {
    fn sleep(&self, duration: Duration) -> Sleep {
        let (sender, end) = oneshot::channel();
        let mut time = self.0.lock().unwrap();
        let key = (time.now + duration, time.serial);
        time.serial += 1;
        time.sleeps.insert(key, sender);
        Sleep::new(async move {
            let _ = end.await;
        })
    }
}

/// One call that STS answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub at: Duration,
    pub status: u16,
    pub role: String,
    pub session_name: String,
    pub policy: String,
}

/// An STS in process that allows so many calls a second, by a token bucket.
#[derive(Clone, Debug)]
pub struct Sts {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    per_second: f64,
    burst: f64,
    tokens: f64,
    counted_at: Duration,
    calls: Vec<Call>,
    keeps_calls: bool,
    answers: HashMap<String, u16>,
    issued: usize,
    takes_time: bool,
}

impl Sts {
    pub fn new(clock: &Clock, per_second: f64, burst: f64) -> Self {
        Self {
            clock: clock.clone(),
            state: Arc::new(Mutex::new(State {
                per_second,
                burst,
                tokens: burst,
                counted_at: clock.elapsed(),
                calls: Vec::new(),
                keeps_calls: true,
                answers: HashMap::new(),
                issued: 0,
                takes_time: true,
            })),
        }
    }

    /// Without a limit, and without any delay: for real threads.
    pub fn at_once(clock: &Clock) -> Self {
        let sts = Self::new(clock, f64::MAX, f64::MAX);
        sts.state.lock().unwrap().takes_time = false;
        sts
    }

    /// Always answers calls for this role with this status; 200 is the default.
    pub fn answer(&self, role: &str, status: u16) {
        let mut state = self.state.lock().unwrap();
        state.answers.insert(role.to_owned(), status);
    }

    pub fn allow(&self, per_second: f64) {
        self.state.lock().unwrap().per_second = per_second;
    }

    pub fn calls(&self) -> Vec<Call> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Forgets the calls so far, and returns them.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().unwrap().calls)
    }

    /// Keeps no calls from now on: for measuring memory.
    pub fn keep_no_calls(&self) {
        let mut state = self.state.lock().unwrap();
        state.keeps_calls = false;
        state.calls = Vec::new();
    }

    pub fn sdk_config(&self) -> SdkConfig {
        SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .http_client(self.clone())
            .time_source(self.clock.clone())
            .sleep_impl(self.clock.clone())
            .build()
    }

    pub fn roles(&self, source: &Source) -> RolesBuilder {
        Roles::builder()
            .audience(AUDIENCE)
            .token_source(source.clone())
            .configure(&self.sdk_config())
            .monotonic_clock(self.clock.clone())
            .environment([("HOSTNAME", "host")])
    }

    /// A provider for one role by itself.
    pub async fn provider(
        &self,
        source: impl ProvideIdToken + 'static,
        role: &str,
    ) -> GoogleWebIdentityProvider {
        GoogleWebIdentityProvider::builder(role)
            .audience(AUDIENCE)
            .token_source(source)
            .configure(&self.sdk_config())
            .monotonic_clock(self.clock.clone())
            .environment([("HOSTNAME", "host")])
            .build()
            .await
            .unwrap()
    }

    async fn call(&self, request: HttpRequest) -> HttpResponse {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8(body.to_vec()).unwrap();
        let form: HashMap<_, _> = body
            .split('&')
            .filter_map(|field| field.split_once('='))
            .map(|(name, value)| {
                let value = percent_encoding::percent_decode_str(value);
                (name, value.decode_utf8().unwrap().into_owned())
            })
            .collect();
        let (status, body, takes_time) = self.state.lock().unwrap().answer(&self.clock, &form);
        if takes_time {
            self.clock.sleep(LATENCY).await;
        }
        HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))
    }
}

impl State {
    fn answer(&mut self, clock: &Clock, form: &HashMap<&str, String>) -> (u16, String, bool) {
        let now = clock.elapsed();
        let passed = (now - self.counted_at).as_secs_f64();
        self.counted_at = now;
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        let role = &form["RoleArn"];
        let status = match self.answers.get(role) {
            Some(status) => *status,
            None if self.tokens < 1.0 => 400,
            None => {
                self.tokens -= 1.0;
                200
            }
        };
        let policy = form.get("Policy").cloned().unwrap_or_default();
        let session_name = &form["RoleSessionName"];
        if self.keeps_calls {
            self.calls.push(Call {
                at: now,
                status,
                role: role.clone(),
                session_name: session_name.clone(),
                policy: policy.clone(),
            });
        }
        let code = match status {
            200 => {
                let length = form.get("DurationSeconds").map_or(SESSION, |length| {
                    Duration::from_secs(length.parse().unwrap())
                });
                self.issued += 1;
                let body = session(
                    self.issued,
                    clock.now() + length,
                    role,
                    session_name,
                    &policy,
                );
                return (status, body, self.takes_time);
            }
            403 => "AccessDenied",
            _ => "Throttling",
        };
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>Rate exceeded</Message></Error></ErrorResponse>"
        );
        (status, body, self.takes_time)
    }
}

/// The secret and the token are as long as those of AWS, and say whose they are.
fn session(serial: usize, end: SystemTime, role: &str, session_name: &str, policy: &str) -> String {
    let end = DateTime::from(end).fmt(Format::DateTime).unwrap();
    let account = role.split(':').nth(4).unwrap();
    let owner = URL_SAFE_NO_PAD.encode(format!("{role} {session_name} {policy}"));
    format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIA{serial:016}</AccessKeyId>\
         <SecretAccessKey>{serial:040}</SecretAccessKey><SessionToken>{owner}.{:0800}</SessionToken>\
         <Expiration>{end}</Expiration></Credentials><AssumedRoleUser>\
         <Arn>arn:aws:sts::{account}:assumed-role/tenant/{session_name}</Arn>\
         <AssumedRoleId>AROA:{session_name}</AssumedRoleId></AssumedRoleUser>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
        serial
    )
}

/// Whose session it is: role, session name and policy, as STS saw them.
pub fn owner(session_token: &str) -> String {
    let owner = session_token.split('.').next().unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(owner).unwrap()).unwrap()
}

impl HttpClient for Sts {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Sts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sts = self.clone();
        HttpConnectorFuture::new(async move { Ok(sts.call(request).await) })
    }
}

/// Issues ID tokens of one hour, and counts them.
#[derive(Clone, Debug, Default)]
pub struct Source {
    tokens: Arc<AtomicUsize>,
    panics: Arc<AtomicBool>,
}

impl Source {
    /// From now on a request for a token panics, or no more.
    pub fn panic(&self, panics: bool) {
        self.panics.store(panics, Ordering::SeqCst);
    }

    pub fn tokens(&self) -> usize {
        self.tokens.load(Ordering::SeqCst)
    }
}

impl ProvideIdToken for Source {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        assert!(!self.panics.load(Ordering::SeqCst), "as the test wants it");
        let serial = self.tokens.fetch_add(1, Ordering::SeqCst);
        let iat = cx.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = serde_json::json!({
            "iss": "https://accounts.google.com", "aud": audience.as_str(), "azp": "1", "sub": "1",
            "iat": iat, "exp": iat + 3600, "serial": serial,
        });
        let jwt = format!("e30.{}.AAAA", URL_SAFE_NO_PAD.encode(claims.to_string()));
        future::ProvideIdToken::ready(IdToken::parse(jwt))
    }
}

/// Asks until there are credentials, as a service does whose requests keep coming.
pub async fn persistent(clock: &Clock, provider: &GoogleWebIdentityProvider) -> Vec<Error> {
    let mut errors = Vec::new();
    loop {
        match provider.session().await {
            Ok(_) => return errors,
            Err(error) => errors.push(error),
        }
        clock.sleep(Duration::from_secs(1)).await;
    }
}

/// The most calls in one second.
pub fn busiest_second(calls: &[Call]) -> usize {
    let mut seconds = HashMap::new();
    for call in calls {
        *seconds.entry(call.at.as_secs()).or_insert(0) += 1;
    }
    seconds.into_values().max().unwrap_or(0)
}
