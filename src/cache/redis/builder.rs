//! How to reach Redis.

use super::RedisCache;
use super::connection::{Kind, Target};
use crate::environment::Environment;
use crate::error::{Error, ErrorKind, Stage};
use crate::token::ProvideAccessToken;
use crate::transport::root_certificates;
use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::fmt;
use std::sync::Arc;

/// Configures a [`RedisCache`]. `Debug` shows no URL, which may hold a password.
#[must_use]
pub struct RedisCacheBuilder {
    urls: Vec<String>,
    kind: Kind,
    roots: Option<Vec<u8>>,
    access: Option<Arc<dyn ProvideAccessToken>>,
}

impl RedisCacheBuilder {
    pub(super) fn new(urls: Vec<String>) -> Self {
        Self {
            urls,
            kind: Kind::Single,
            roots: None,
            access: None,
        }
    }

    /// The URLs are those of nodes of a cluster. Any one that answers is enough.
    pub fn cluster(mut self) -> Self {
        self.kind = Kind::Cluster;
        self
    }

    /// The URLs are those of sentinels, which know the primary server of this name. User, password
    /// and database of the first URL are those of the server; the sentinels are asked without a
    /// password.
    pub fn sentinel(mut self, name: impl Into<String>) -> Self {
        self.kind = Kind::Sentinel(name.into());
        self
    }

    /// Trusts these certificate authorities, in PEM, and no others, for `rediss://`.
    ///
    /// Default: the machine's, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, and those of
    /// `AWS_CA_BUNDLE`, as for every other server.
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Uses access tokens as passwords: [IAM authentication of
    /// Memorystore](https://cloud.google.com/memorystore/docs/cluster/about-iam-auth). The account
    /// needs `roles/redis.dbConnectionUser`. A connection is replaced before its token expires.
    pub fn access_token(mut self, access: impl ProvideAccessToken + 'static) -> Self {
        self.access = Some(Arc::new(access));
        self
    }

    /// Connects. Returns after 240 ms at the latest; if there is no connection by then, the attempt
    /// goes on in the background, and the first calls of the cache don't wait for it again.
    ///
    /// With `rediss://` it makes AWS-LC the crypto provider of rustls for the process, unless the
    /// program has installed one: the client of Redis uses that one.
    ///
    /// # Errors
    /// `Configuration` if an URL or the root certificates can't be used.
    pub async fn connect(self) -> Result<RedisCache, Error> {
        let mut servers = Vec::new();
        for (index, url) in self.urls.iter().enumerate() {
            servers.push(parse(url, index)?);
        }
        let Some(first) = servers.first() else {
            return Err(wrong("RedisCache needs a URL, such as redis://localhost"));
        };
        let is_tls = matches!(first.addr(), ConnectionAddr::TcpTls { .. });
        let certificates = match is_tls {
            false => None,
            true => {
                // With several providers in the program and none installed, rustls panics. An error
                // means that another thread installed one in between.
                if CryptoProvider::get_default().is_none() {
                    let _ = aws_lc_rs::default_provider().install_default();
                }
                let roots = match self.roots {
                    Some(pem) => pem,
                    None => root_certificates(&Environment::default())
                        .map_err(|error| wrong(format!("RedisCache: {error}")))?
                        .into_bytes(),
                };
                Some(TlsCertificates {
                    client_tls: None,
                    root_cert: Some(roots),
                })
            }
        };
        let target = Target::new(servers, self.kind, certificates, self.access)?;
        Ok(RedisCache::open(target).await)
    }
}

/// The message says nothing of the URL: it may hold a password.
fn parse(url: &str, index: usize) -> Result<ConnectionInfo, Error> {
    url.into_connection_info().map_err(|_| {
        wrong(format!(
            "URL {} of RedisCache can't be used; expected \
             redis://[user:password@]host[:port][/database], or rediss:// for TLS, with special \
             characters of the password percent-encoded",
            index + 1
        ))
    })
}

pub(super) fn wrong(message: impl Into<String>) -> Error {
    Error::from_message(Stage::Cache, ErrorKind::Configuration, message)
}

impl fmt::Debug for RedisCacheBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCacheBuilder")
            .field("kind", &self.kind)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}
