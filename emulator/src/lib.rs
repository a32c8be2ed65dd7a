//! Google and AWS STS on loopback, for tests: no cloud, no account, no network.
//!
//! The emulator starts Google's metadata server, token endpoint, IAM Credentials API, Cloud KMS and
//! public keys, and AWS STS with `AssumeRoleWithWebIdentity`. Each server has its own port. Nothing
//! that they issue is valid anywhere else.
//!
//! # Getting started
//!
//! ```
//! use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer};
//! use aws_google_web_identity_emulator::{Answer, Call, Emulator, Fault};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let emulator = Emulator::start().await?;
//! // Point the program under test at it.
//! let provider = GoogleWebIdentityProvider::builder(emulator.role_arn())
//!     .audience(emulator.audience())
//!     .token_source(MetadataServer::new().endpoint(emulator.metadata_endpoint()))
//!     .configure(&emulator.sdk_config())
//!     .build()
//!     .await?;
//! // Let calls fail.
//! emulator.answer_next(Call::Sts, 1, Answer::status(503));
//! emulator.fail_next(Call::MetadataIdentity, 1, Fault::reset());
//! let session = provider.session().await?;
//! // Look at what was asked and issued.
//! assert_eq!(emulator.requests_of(Call::Sts).len(), 2);
//! assert!(emulator.issued(session.credentials().access_key_id()).is_some());
//! # Ok(()) }
//! ```
//!
//! # What it verifies
//!
//! The servers refuse what the real ones refuse, in their words: signatures, audiences, times, IAM
//! permissions, delegates, checksums of Cloud KMS, trust policies and session lengths are all
//! checked.
//!
//! # What it can do wrong
//!
//! - [`Emulator::answer_next`] sends another HTTP answer: a status, an error in the server's own
//!   format, or the healthy answer with other headers.
//! - [`Emulator::fail_next`] breaks the connection: a reset, a truncated body, silence.
//! - [`Emulator::hold`] delays requests until the test releases them.
//! - [`Emulator::refuse_connections`] closes a port.
//! - [`Emulator::set_clock_offset`] sets the servers' clock ahead or back.
//!
//! # Special surroundings
//!
//! - [`EmulatorBuilder::oidc_provider`] gives the AWS account an IAM OIDC provider for Google: STS
//!   then admits only tokens whose `azp` is one of its client ids.
//! - [`EmulatorBuilder::gke`] starts the metadata server of a GKE pod with a linked account, and
//!   [`Answer::gke_not_annotated`] is its refusal for an account that is not linked.
//! - [`Answer::stranger`] is another web server in place of the metadata server.
//!
//! # Time
//!
//! [`TestClock`] is wall clock, monotonic clock and sleep in one. With
//! [`EmulatorBuilder::test_clock`] servers and program share it, and a test lets hours pass without
//! sleeping.
//!
//! # S3
//!
//! With the feature `s3`, `Emulator::serve_s3` starts an S3 that admits the credentials of this
//! emulator's STS, and no others.
//!
//! # As a program
//!
//! The package has a program of the same name, which starts the servers for a program in any
//! language.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod answer;
mod builder;
mod call;
mod client_setup;
mod dispatcher;
mod hold;
mod lock;
mod request;
#[cfg(feature = "s3")]
mod s3;
mod service;
mod socket;
mod state;
mod test_clock;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use builder::EmulatorBuilder;
pub use call::Call;
pub use hold::Hold;
pub use request::RecordedRequest;
#[cfg(feature = "s3")]
pub use s3::S3;
pub use socket::{Fault, Trickle};
pub use state::accounts::ServiceAccount;
pub use state::issued::IssuedCredentials;
pub use state::kms::{KmsKey, KmsVersionState};
pub use state::role::Role;
pub use test_clock::TestClock;

use dispatcher::{Dispatcher, Endpoint, Override};
use serde_json::Value;
use service::Service;
use socket::port::Port;
use state::accounts::Account;
use state::jwt;
use state::keys::SigningKey;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

/// The service account of an emulator without [`EmulatorBuilder::service_account`].
pub const DEFAULT_SERVICE_ACCOUNT: &str = "robot@demo-project.iam.gserviceaccount.com";

/// The role of an emulator without [`EmulatorBuilder::role`].
pub const DEFAULT_ROLE_ARN: &str = "arn:aws:iam::123456789012:role/demo";

/// The key of Cloud KMS of an emulator without [`EmulatorBuilder::kms_key`].
pub const DEFAULT_KMS_KEY: &str =
    "projects/demo-project/locations/global/keyRings/demo/cryptoKeys/sessions";

/// The audience of an emulator without [`EmulatorBuilder::audience`].
pub const DEFAULT_AUDIENCE: &str = "https://myservice.example.com";

/// The running servers. Dropping it ends them.
///
/// For simulated time, start it with a [`TestClock`].
#[must_use = "dropping it ends the servers"]
pub struct Emulator {
    dispatcher: Arc<Dispatcher>,
    foreign_key: Arc<SigningKey>,
    audience: String,
    ports: tokio::sync::Mutex<Vec<(&'static Service, Port)>>,
}

/// # Starting it, and where it is
impl Emulator {
    /// Starts the servers with every default, on the current tokio runtime.
    ///
    /// # Errors
    /// The system's error if no port is free.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Configures accounts, roles, time and ports.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// Host and port of the metadata server, without a scheme, as in `GCE_METADATA_HOST`.
    pub fn metadata_host(&self) -> &str {
        let endpoint = self.metadata_endpoint();
        endpoint.strip_prefix("http://").unwrap_or(endpoint)
    }

    /// The origin of the metadata server.
    pub fn metadata_endpoint(&self) -> &str {
        self.origin(service::metadata::NAME)
    }

    /// The URI of the token endpoint: the audience of assertions.
    pub fn token_uri(&self) -> String {
        service::token_endpoint::uri(&self.dispatcher.state.origins)
    }

    /// The origin of IAM Credentials, in place of `https://iamcredentials.googleapis.com`.
    pub fn iam_endpoint(&self) -> &str {
        self.origin(service::iam::NAME)
    }

    /// The origin of Cloud KMS, in place of `https://cloudkms.googleapis.com`.
    pub fn kms_endpoint(&self) -> &str {
        self.origin(service::kms::NAME)
    }

    /// The URI of Google's public keys.
    pub fn jwks_uri(&self) -> String {
        service::jwks::uri(&self.dispatcher.state.origins)
    }

    /// The origin of STS.
    pub fn sts_endpoint(&self) -> &str {
        self.origin(service::sts::NAME)
    }

    /// The audience that the default role admits.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The ARN of the first role.
    pub fn role_arn(&self) -> String {
        self.dispatcher.state.first_role_arn()
    }

    /// The e-mail address of the attached service account, which is the first one.
    pub fn service_account_email(&self) -> &str {
        self.dispatcher.state.attached().email()
    }

    /// The unique id of the attached service account: `sub` of its tokens.
    pub fn service_account_id(&self) -> &str {
        self.dispatcher.state.attached().unique_id()
    }

    fn origin(&self, service: &str) -> &str {
        self.dispatcher.state.origins.of(service)
    }

    fn account(&self, name: &str) -> io::Result<&Account> {
        self.dispatcher.state.account(name).ok_or_else(|| {
            let problem = format!("the emulator has no service account {name:?}");
            io::Error::new(io::ErrorKind::NotFound, problem)
        })
    }
}

/// # What was asked and issued
impl Emulator {
    /// All requests so far, in the order of arrival.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.dispatcher.requests(|_| true)
    }

    /// The requests of one call so far, in the order of arrival.
    pub fn requests_of(&self, call: Call) -> Vec<RecordedRequest> {
        self.dispatcher.requests(|other| other == call)
    }

    /// Waits until `count` requests of this call have arrived.
    pub async fn reached(&self, call: Call, count: usize) {
        self.dispatcher.reached(call, count).await;
    }

    /// Forgets the requests so far. Long runs need this, because every request stays in memory.
    pub fn forget_requests(&self) {
        self.dispatcher.forget_requests();
    }

    /// Every secret so far: lines of private keys, assertions, ID, access, refresh and subject
    /// tokens, secret keys and session tokens, issued ones and received ones.
    ///
    /// A test finds leaks by searching its logs for them. Logs may cut or encode them: also search
    /// for long parts.
    pub fn secrets(&self) -> Vec<String> {
        self.dispatcher.state.secrets.all()
    }

    /// The credentials with this access key id that STS issued, also after they have expired.
    pub fn issued(&self, access_key_id: &str) -> Option<IssuedCredentials> {
        self.dispatcher.state.issued(access_key_id)
    }
}

/// # What goes wrong
impl Emulator {
    /// Answers the next `count` requests of `call` with `answer`.
    ///
    /// Answers and faults of a call queue up: this one applies after those set before.
    pub fn answer_next(&self, call: Call, count: usize, answer: Answer) {
        let answer = Override::Answer(answer);
        self.dispatcher.override_next(call, count, answer);
    }

    /// Lets the connections of the next `count` requests of `call` fail.
    ///
    /// Answers and faults of a call queue up: this one applies after those set before.
    pub fn fail_next(&self, call: Call, count: usize, fault: Fault) {
        let fault = Override::Fault(fault);
        self.dispatcher.override_next(call, count, fault);
    }

    /// Drops all queued answers and faults of all calls.
    pub fn answer_genuinely(&self) {
        self.dispatcher.clear_overrides();
    }

    /// Holds all requests of `call` from now on until the [`Hold`] releases them. A held request is
    /// recorded already.
    pub fn hold(&self, call: Call) -> Hold {
        self.dispatcher.hold(call)
    }

    /// Ends the connections to the server of `call` and refuses new ones, until
    /// [`accept_connections`](Self::accept_connections).
    ///
    /// All calls of that server are affected. [`Call::Other`] has no server: nothing happens.
    ///
    /// # Errors
    /// The system's error if the port cannot be bound again.
    pub async fn refuse_connections(&self, call: Call) -> io::Result<()> {
        for (service, port) in self.ports.lock().await.iter_mut() {
            if service.has(call) {
                port.close().await;
            }
        }
        Ok(())
    }

    /// Undoes [`refuse_connections`](Self::refuse_connections), on the same port.
    ///
    /// # Errors
    /// The system's error if the port cannot be bound again.
    pub async fn accept_connections(&self, call: Call) -> io::Result<()> {
        for (service, port) in self.ports.lock().await.iter_mut() {
            if service.has(call) {
                let dispatcher = self.dispatcher.clone();
                port.open(Endpoint {
                    service,
                    dispatcher,
                })?;
            }
        }
        Ok(())
    }

    /// Sets the servers' clock ahead of the time source by `seconds`, or back if negative. `Date`
    /// follows.
    pub fn set_clock_offset(&self, seconds: i64) {
        let offset = &self.dispatcher.state.clock_offset;
        offset.store(seconds, Ordering::Relaxed);
    }

    /// The servers' time, in whole seconds.
    pub fn now(&self) -> SystemTime {
        state::system_time(self.dispatcher.state.now())
    }
}

/// # What the servers know
impl Emulator {
    /// Adds a role, or replaces the one with the same ARN.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid role.
    pub fn put_role(&self, role: Role) -> io::Result<()> {
        self.dispatcher.state.put_role(role.parsed()?);
        Ok(())
    }

    /// Adds an IAM OIDC provider for Google, or replaces its client ids; see
    /// [`EmulatorBuilder::oidc_provider`].
    pub fn put_oidc_provider(&self, client_ids: impl IntoIterator<Item = impl Into<String>>) {
        let client_ids = client_ids.into_iter().map(Into::into).collect();
        self.dispatcher.state.set_oidc_provider(Some(client_ids));
    }

    /// Removes the IAM OIDC provider for Google: AWS's own one serves again.
    pub fn remove_oidc_provider(&self) {
        self.dispatcher.state.set_oidc_provider(None);
    }

    /// Replaces the key of the account's key file: assertions signed with the old key are refused
    /// from now on.
    ///
    /// Generates an RSA key; the first two rotations reuse keys that the process has cached.
    ///
    /// # Errors
    /// `NotFound` for an unknown account.
    pub fn rotate_key_file(&self, account: &str) -> io::Result<()> {
        self.account(account)?.rotate_file_key()
    }

    /// Adds a key of Cloud KMS, or replaces the one with the same name.
    pub fn put_kms_key(&self, key: KmsKey) {
        self.dispatcher.state.put_kms_key(key);
    }

    /// Adds a version to a key of Cloud KMS and makes it the primary one, which encrypts from now
    /// on. Returns its number; the first one is 1.
    ///
    /// # Errors
    /// `NotFound` for an unknown key.
    pub fn rotate_kms_key(&self, name: &str) -> io::Result<usize> {
        let state = &self.dispatcher.state;
        state.change_kms_key(name, |key| Ok(key.rotate()))
    }

    /// Disables, destroys or enables a version of a key of Cloud KMS, at once. At Google it takes
    /// [up to three hours](https://cloud.google.com/kms/docs/consistency).
    ///
    /// # Errors
    /// `NotFound` for an unknown key or version.
    pub fn set_kms_version(
        &self,
        name: &str,
        version: usize,
        state: KmsVersionState,
    ) -> io::Result<()> {
        self.dispatcher.state.change_kms_key(name, |key| {
            key.version_mut(version)?.state = state;
            Ok(())
        })
    }

    /// An ID token with exactly these claims, valid or not, signed by the emulator's Google.
    ///
    /// # Errors
    /// If signing fails.
    pub fn issue_id_token(&self, claims: &Value) -> io::Result<String> {
        self.dispatcher.state.id_token(claims)
    }

    /// An ID token with exactly these claims, signed with a key that is not Google's.
    ///
    /// # Errors
    /// If signing fails.
    pub fn issue_foreign_id_token(&self, claims: &Value) -> io::Result<String> {
        let token = jwt::sign(&self.foreign_key, claims)?;
        self.dispatcher.state.secrets.add(&token);
        Ok(token)
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("origins", &self.dispatcher.state.origins)
            .finish_non_exhaustive()
    }
}
