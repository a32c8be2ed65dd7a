//! An S3 for the credentials that the emulator's STS issued (feature `s3`).

mod files;

use crate::Emulator;
use crate::dispatcher::Dispatcher;
use crate::lock::lock;
use crate::request::pairs;
use crate::socket::Fault;
use crate::socket::port::{Handler, Port};
use crate::state::issued::IssuedCredentials;
use crate::state::system_time;
use files::Files;
use hyper::body::Incoming;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Result, s3_error};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A running S3, see [`Emulator::serve_s3`]. Dropping it ends the server.
#[must_use = "dropping it ends the server"]
pub struct S3 {
    port: Port,
    callers: Callers,
}

/// The access key ids of the admitted requests, without duplicates.
type Callers = Arc<Mutex<Vec<String>>>;

/// # S3
impl Emulator {
    /// Serves `directory` as an S3 on `port` of 127.0.0.1, or on any free port for 0. Each folder
    /// of the directory is a bucket.
    ///
    /// The server admits requests that are signed with credentials of this emulator's STS, and no
    /// others: it verifies the signature (SigV4) and the session token, and refuses credentials
    /// that have expired. It evaluates no policy: every session may do everything.
    ///
    /// It is the crate [`s3s`](https://docs.rs/s3s), which logs requests, session tokens included,
    /// at the level `DEBUG`.
    ///
    /// ```
    /// use aws_google_web_identity::{GoogleWebIdentityProvider, MetadataServer};
    /// use aws_google_web_identity_emulator::Emulator;
    /// use aws_sdk_s3::config::SharedCredentialsProvider;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let emulator = Emulator::start().await?;
    /// let directory = tempfile::tempdir()?;
    /// std::fs::create_dir(directory.path().join("photos"))?;
    /// let s3 = emulator.serve_s3(directory.path(), 0)?;
    ///
    /// let provider = GoogleWebIdentityProvider::builder(emulator.role_arn())
    ///     .audience(emulator.audience())
    ///     .token_source(MetadataServer::new().endpoint(emulator.metadata_endpoint()))
    ///     .configure(&emulator.sdk_config())
    ///     .build()
    ///     .await?;
    /// let config = emulator
    ///     .sdk_config()
    ///     .into_builder()
    ///     .endpoint_url(s3.endpoint())
    ///     .credentials_provider(SharedCredentialsProvider::new(provider))
    ///     .build();
    /// let buckets = aws_sdk_s3::Client::new(&config).list_buckets().send().await?;
    /// assert_eq!(buckets.buckets()[0].name(), Some("photos"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If `directory` cannot be read or the port is taken.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn serve_s3(&self, directory: impl AsRef<Path>, port: u16) -> io::Result<S3> {
        let directory = directory.as_ref();
        // An error of s3s_fs has no text of its own.
        std::fs::read_dir(directory)?;
        let files = s3s_fs::FileSystem::new(directory).map_err(|error| {
            io::Error::other(format!("S3 of {}: {error:?}", directory.display()))
        })?;
        let callers = Callers::default();
        let issued = Issued {
            dispatcher: self.dispatcher.clone(),
            callers: callers.clone(),
        };
        let mut builder = S3ServiceBuilder::new(Files::new(files));
        builder.set_auth(issued.clone());
        // s3s calls it only where `set_auth` is called as well.
        builder.set_access(issued);
        let mut port = Port::reserve(port).map_err(|error| {
            io::Error::new(error.kind(), format!("port {port} for S3: {error}"))
        })?;
        port.open(Endpoint(builder.build()))?;
        Ok(S3 { port, callers })
    }
}

impl S3 {
    /// The endpoint, as in `AWS_ENDPOINT_URL_S3`.
    ///
    /// Its host is an IP address, so that clients put the bucket's name into the path without being
    /// told to.
    pub fn endpoint(&self) -> String {
        self.port.origin()
    }

    /// The access key ids with which it admitted requests, in the order of their first ones: a test
    /// sees that a program uses the credentials of a refreshed session.
    pub fn access_key_ids(&self) -> Vec<String> {
        lock(&self.callers).clone()
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("endpoint", &self.endpoint())
            .finish_non_exhaustive()
    }
}

/// What STS issued.
#[derive(Clone)]
struct Issued {
    dispatcher: Arc<Dispatcher>,
    callers: Callers,
}

impl Issued {
    fn unexpired(&self, access_key_id: &str) -> S3Result<IssuedCredentials> {
        let state = &self.dispatcher.state;
        match state.issued(access_key_id) {
            None => Err(s3_error!(InvalidAccessKeyId)),
            Some(issued) if issued.expires_at() <= system_time(state.now()) => {
                Err(s3_error!(ExpiredToken, "The provided token has expired."))
            }
            Some(issued) => Ok(issued),
        }
    }
}

#[async_trait::async_trait]
impl S3Auth for Issued {
    async fn get_secret_key(&self, access_key_id: &str) -> S3Result<SecretKey> {
        let issued = self.unexpired(access_key_id)?;
        Ok(SecretKey::from(issued.secret_access_key().to_owned()))
    }
}

#[async_trait::async_trait]
impl S3Access for Issued {
    /// s3s verifies the signature, but no session token.
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(credentials) = cx.credentials() else {
            return Err(s3_error!(AccessDenied));
        };
        let issued = self.unexpired(&credentials.access_key)?;
        if session_token(cx).as_deref() != Some(issued.session_token()) {
            return Err(s3_error!(InvalidToken));
        }
        let mut callers = lock(&self.callers);
        if !callers.contains(&credentials.access_key) {
            callers.push(credentials.access_key.clone());
        }
        Ok(())
    }
}

/// In a header, or in the query of a presigned URL.
fn session_token(cx: &S3AccessContext<'_>) -> Option<String> {
    const NAME: &str = "x-amz-security-token";
    if let Some(header) = cx.headers().get(NAME) {
        return header.to_str().ok().map(str::to_owned);
    }
    let query = pairs(cx.uri().query().unwrap_or_default());
    let mut tokens = query
        .into_iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(NAME));
    tokens.next().map(|(_, token)| token)
}

#[derive(Clone)]
struct Endpoint(S3Service);

impl Handler for Endpoint {
    type Body = Body;

    async fn handle(
        &self,
        request: http::Request<Incoming>,
    ) -> (http::Response<Body>, Option<Fault>) {
        let response = self.0.call(request.map(Body::from)).await;
        let response = response.unwrap_or_else(|_| {
            let mut response = http::Response::new(Body::empty());
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        });
        (response, None)
    }
}
