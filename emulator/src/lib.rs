//! A Google and an AWS STS in process, on loopback, for tests and for trying things out: no cloud, no account, no network.
//!
//! They refuse what the real ones refuse: signatures, audiences, times, permissions and trust policies are checked. Google is a
//! metadata server, a token endpoint, IAM Credentials and a JWKS; AWS is `AssumeRoleWithWebIdentity`. Nothing that they issue is worth
//! anything elsewhere.
//!
//! ```
//! use aws_google_web_identity_emulator::{Answer, Emulator, Call};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! let emulator = Emulator::start().await?;
//! // Point the program under test at it …
//! let config = emulator.sdk_config();
//! let key_file = emulator.key_file_json(emulator.service_account_email())?;
//! // … make a hop fail …
//! emulator.answer_next(Call::Sts, 2, Answer::status(503));
//! emulator.answer_next(Call::TokenEndpoint, 1, Answer::reset());
//! // … and look at what was asked.
//! assert!(emulator.requests_of(Call::Sts).is_empty());
//! # Ok(()) }
//! ```

mod accounts;
mod answer;
mod builder;
mod desk;
mod google_metadata;
mod hold;
mod iam;
mod issued;
mod jwks;
mod jwt;
mod key_file;
mod keys;
mod point;
mod records;
mod reply;
mod role;
mod sdk_config;
mod secrets;
mod server;
mod socket;
mod sts;
mod token_endpoint;
mod trickle;
mod world;

#[cfg(test)]
mod tests;

pub use accounts::ServiceAccount;
pub use answer::Answer;
pub use builder::EmulatorBuilder;
pub use hold::Hold;
pub use issued::IssuedCredentials;
pub use records::{Call, RecordedRequest};
pub use role::Role;
pub use trickle::Trickle;

use desk::Desk;
use keys::SigningKey;
use serde_json::Value;
use server::{Port, Site};
use std::fmt;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// The service account of an emulator that is given none.
pub const DEFAULT_SERVICE_ACCOUNT: &str = "robot@demo-project.iam.gserviceaccount.com";

/// The role of an emulator that is given none.
pub const DEFAULT_ROLE_ARN: &str = "arn:aws:iam::123456789012:role/demo";

/// The audience that the role of an emulator admits that is given none.
pub const DEFAULT_AUDIENCE: &str = "https://myservice.example.com";

/// The running servers, each on a port of its own; they end when it is dropped.
#[must_use = "the servers end when it is dropped"]
pub struct Emulator {
    desk: Arc<Desk>,
    foreign_key: Arc<SigningKey>,
    audience: String,
    ports: tokio::sync::Mutex<Vec<(Site, Port)>>,
}

/// Where to find it, and whom it knows.
impl Emulator {
    /// Starts one with every default, on the current tokio runtime.
    ///
    /// # Errors
    /// What the system says when it has no port.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// For one of other accounts, roles or time.
    pub fn builder() -> EmulatorBuilder {
        EmulatorBuilder::default()
    }

    /// Host and port of the metadata server, without a scheme, as `GCE_METADATA_HOST` has it.
    pub fn metadata_host(&self) -> &str {
        let endpoint = self.metadata_endpoint();
        endpoint.strip_prefix("http://").unwrap_or(endpoint)
    }

    /// The origin of the metadata server.
    pub fn metadata_endpoint(&self) -> &str {
        &self.desk.world.origins.metadata
    }

    /// The URI of the token endpoint; the audience of assertions.
    pub fn token_uri(&self) -> String {
        self.desk.world.origins.token_uri()
    }

    /// The origin of IAM Credentials, in place of `https://iamcredentials.googleapis.com`.
    pub fn iam_endpoint(&self) -> &str {
        &self.desk.world.origins.iam
    }

    /// The URI of Google's public keys.
    pub fn jwks_uri(&self) -> String {
        self.desk.world.origins.jwks_uri()
    }

    /// The origin of STS.
    pub fn sts_endpoint(&self) -> &str {
        &self.desk.world.origins.sts
    }

    /// The audience that the default role admits.
    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// The ARN of the first role.
    pub fn role_arn(&self) -> String {
        self.desk.world.first_role_arn()
    }

    /// The e-mail address of the first service account, the attached one.
    pub fn service_account_email(&self) -> &str {
        self.desk.world.attached().email()
    }

    /// The unique id of the first service account, the attached one: `sub` of its tokens.
    pub fn service_account_id(&self) -> &str {
        self.desk.world.attached().unique_id()
    }

    fn account(&self, name: &str) -> io::Result<&accounts::Account> {
        self.desk.world.account(name).ok_or_else(|| {
            let problem = format!("the emulator has no service account {name:?}");
            io::Error::new(io::ErrorKind::NotFound, problem)
        })
    }
}

/// Looking at what was asked.
impl Emulator {
    /// All requests so far, in the order of arrival.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.desk.requests(|_| true)
    }

    /// The requests of one hop so far.
    pub fn requests_of(&self, hop: Call) -> Vec<RecordedRequest> {
        self.desk.requests(|other| other == hop)
    }

    /// Waits until `hop` has been asked `count` times.
    pub async fn reached(&self, hop: Call, count: usize) {
        self.desk.reached(hop, count).await;
    }

    /// Forgets the requests so far, for runs that would otherwise fill the memory.
    pub fn forget_requests(&self) {
        self.desk.forget_requests();
    }

    /// Everything secret so far: the private keys that were handed out, by line; assertions, ID, access, refresh and subject
    /// tokens, secret keys and session tokens, those that it made and those that it was sent. A test that looks for
    /// them, or for long parts of them, in what a program logged and showed finds what leaks.
    pub fn secrets(&self) -> Vec<String> {
        self.desk.world.secrets.all()
    }

    /// The credentials of this access key id, if the emulator's STS has issued them; expired ones as well.
    pub fn issued(&self, access_key_id: &str) -> Option<IssuedCredentials> {
        self.desk.world.issued(access_key_id)
    }
}

/// Making things go otherwise.
impl Emulator {
    /// The next `count` requests of `hop`, after those already spoken for, get `answer`.
    pub fn answer_next(&self, hop: Call, count: usize, answer: Answer) {
        self.desk.order(hop, count, answer);
    }

    /// All hops are healthy again.
    pub fn answer_genuinely(&self) {
        self.desk.cancel_orders();
    }

    /// Holds the requests of `hop` from now on, until they are let go. They are recorded first and answered afterwards.
    pub fn hold(&self, hop: Call) -> Hold {
        self.desk.hold(hop)
    }

    /// Ends the connections to the server of `hop` and has new ones refused, until [`accept_connections`](Self::accept_connections).
    /// Hops of one server go together; nothing happens for [`Call::Other`].
    ///
    /// # Errors
    /// What the system says when the port cannot be had again.
    pub async fn refuse_connections(&self, hop: Call) -> io::Result<()> {
        for (site, port) in self.ports.lock().await.iter_mut() {
            if Site::of(hop) == Some(*site) {
                port.close().await?;
            }
        }
        Ok(())
    }

    /// Undoes [`refuse_connections`](Self::refuse_connections), on the same port.
    ///
    /// # Errors
    /// What the system says when the port cannot be had again.
    pub async fn accept_connections(&self, hop: Call) -> io::Result<()> {
        for (site, port) in self.ports.lock().await.iter_mut() {
            if Site::of(hop) == Some(*site) {
                port.open(*site, &self.desk)?;
            }
        }
        Ok(())
    }

    /// Puts the servers' clock ahead of the time source by so many seconds, or back, in the `Date` header as well.
    pub fn set_clock_offset(&self, seconds: i64) {
        self.desk
            .world
            .clock_offset
            .store(seconds, Ordering::Relaxed);
    }

    /// What the servers think the time is, in whole seconds.
    pub fn now(&self) -> SystemTime {
        world::system_time(self.desk.world.now())
    }

    /// Adds a role, or replaces the one of the same ARN.
    ///
    /// # Errors
    /// `InvalidInput` for a role that cannot be.
    pub fn put_role(&self, role: Role) -> io::Result<()> {
        self.desk.world.put_role(role.parsed()?);
        Ok(())
    }

    /// Gives the account another key file: assertions signed with the one before are refused from now on. Takes as long as making an RSA
    /// key, but for the second and third time in a process.
    ///
    /// # Errors
    /// `NotFound` for an account that the emulator does not know.
    pub fn rotate_key_file(&self, account: &str) -> io::Result<()> {
        self.account(account)?.rotate_file_key()
    }

    /// A token signed by the emulator's Google with these claims and no others, whatever they are.
    ///
    /// # Errors
    /// When signing fails.
    pub fn issue_id_token(&self, claims: &Value) -> io::Result<String> {
        self.desk.world.id_token(claims)
    }

    /// The same signed by somebody else.
    ///
    /// # Errors
    /// When signing fails.
    pub fn issue_foreign_id_token(&self, claims: &Value) -> io::Result<String> {
        let token = jwt::sign(&self.foreign_key, claims)?;
        self.desk.world.secrets.add(&token);
        Ok(token)
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator")
            .field("origins", &self.desk.world.origins)
            .finish_non_exhaustive()
    }
}

/// A test that panicked with a lock held has failed already; the servers need not fail others.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
