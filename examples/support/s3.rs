//! An S3 server in process, over a directory, that verifies SigV4 and the session token.

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::S3ServiceBuilder;
use s3s::{S3Result, s3_error};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Secret key and session token of an access key id, if there is one.
pub type Lookup = Arc<dyn Fn(&str) -> Option<(String, String)> + Send + Sync>;

struct Issued(Lookup);

#[async_trait::async_trait]
impl S3Auth for Issued {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match (self.0)(access_key) {
            Some((secret, _)) => Ok(SecretKey::from(secret)),
            None => Err(s3_error!(InvalidAccessKeyId)),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Issued {
    /// s3s verifies the signature and knows nothing of session tokens.
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let sent = cx
            .headers()
            .get("x-amz-security-token")
            .and_then(|token| token.to_str().ok());
        let issued = cx
            .credentials()
            .and_then(|credentials| (self.0)(&credentials.access_key));
        match (sent, issued) {
            (Some(sent), Some((_, token))) if sent == token => Ok(()),
            (Some(_), Some(_)) => Err(s3_error!(InvalidToken)),
            _ => Err(s3_error!(AccessDenied)),
        }
    }
}

/// Serves `directory`, each folder of which is a bucket, until the runtime ends; returns the
/// endpoint.
pub async fn serve(directory: &Path, lookup: Lookup) -> Result<String, Box<dyn Error>> {
    let files = s3s_fs::FileSystem::new(directory).map_err(|error| format!("{error:?}"))?;
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(Issued(lookup.clone()));
    builder.set_access(Issued(lookup));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
            tokio::spawn(connection);
        }
    });
    Ok(endpoint)
}
