//! Making connections.

use super::builder::wrong;
use super::failure;
use crate::build_error::BuildError;
use crate::cache::guarded::PATIENCE;
use crate::cache::slot::Age;
use crate::context::Context;
use crate::error::Error;
use crate::token::{AccessToken, CLOUD_PLATFORM, ProvideAccessToken};
use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::cluster::ClusterClientBuilder;
use ::redis::cluster_async::ClusterConnection;
use ::redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, Pipeline, RedisError,
    RedisFuture, TlsCertificates, TlsMode, Value,
};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Connections are made in the background.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A little less than a call may take, so that a connection that hangs is noticed here and
/// replaced.
const RESPONSE_TIMEOUT: Duration = PATIENCE.saturating_sub(Duration::from_millis(10));
/// A connection is replaced this long before its access token expires.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Single,
    Cluster,
    Sentinel(String),
}

/// What to connect to.
pub(super) struct Target {
    servers: Vec<ConnectionInfo>,
    kind: Kind,
    certificates: Option<TlsCertificates>,
    access: Option<Arc<dyn ProvideAccessToken>>,
}

/// A connection that several calls use at once.
#[derive(Clone)]
pub(super) struct Connected {
    pub(super) connection: Connection,
    /// When its access token expires.
    expires_at: Option<SystemTime>,
    id: Arc<()>,
}

impl Connected {
    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.id, &other.id)
    }

    pub(super) fn age(cx: &Context) -> impl Fn(&Self) -> Age {
        let now = cx.clocks().wall();
        move |it| match it.expires_at {
            None => Age::Fresh,
            Some(at) if now + RENEW_BEFORE < at => Age::Fresh,
            Some(at) if now < at => Age::Due,
            Some(_) => Age::Over,
        }
    }
}

#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Whether others on the network can read what is sent to the server.
fn is_in_clear(server: &ConnectionInfo) -> bool {
    match server.addr() {
        ConnectionAddr::Tcp(host, _) => {
            let address = host.parse::<IpAddr>();
            host != "localhost" && !address.is_ok_and(|address| address.is_loopback())
        }
        _ => false,
    }
}

impl Target {
    pub(super) fn new(
        mut servers: Vec<ConnectionInfo>,
        kind: Kind,
        certificates: Option<TlsCertificates>,
        access: Option<Arc<dyn ProvideAccessToken>>,
    ) -> Result<Self, Error> {
        if let (Kind::Single, Some(certificates)) = (&kind, &certificates) {
            // Parses the certificates.
            let made = Client::build_with_tls(servers[0].clone(), certificates.clone());
            let client = made.map_err(|_| {
                wrong("the root certificates of RedisCache are not certificates in PEM")
            })?;
            servers[0] = client.get_connection_info().clone();
        }
        if servers.len() > 1 && matches!(kind, Kind::Single) {
            return Err(wrong(
                "RedisCache has several URLs; say builder(urls).cluster() or .sentinel(name)",
            ));
        }
        if access.is_some() && servers.iter().any(is_in_clear) {
            tracing::warn!(
                "access tokens are sent to Redis in clear; use rediss:// for a server that has TLS"
            );
        }
        Ok(Self {
            servers,
            kind,
            certificates,
            access,
        })
    }

    pub(super) fn check(&self, cx: &Context) -> Result<(), BuildError> {
        match &self.access {
            Some(access) => access.check(cx),
            None => Ok(()),
        }
    }

    pub(super) fn needs_context(&self) -> bool {
        self.access.is_some()
    }

    pub(super) fn addresses(&self) -> String {
        let addresses = self.servers.iter().map(|it| it.addr().to_string());
        addresses.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn failure(&self, error: &RedisError) -> Error {
        let passwords = self
            .servers
            .iter()
            .filter_map(|it| it.redis_settings().password());
        failure::error(error, &self.addresses(), passwords)
    }

    /// Connects. There is no `cx` yet for a connection that is made before the provider.
    pub(super) async fn connect(&self, cx: Option<&Context>) -> Result<Connected, Error> {
        let token = match (&self.access, cx) {
            (Some(access), Some(cx)) => {
                Some(access.provide_access_token(cx, CLOUD_PLATFORM).await?)
            }
            _ => None,
        };
        let connection = match &self.kind {
            Kind::Single => self.one(token.as_ref()).await,
            Kind::Cluster => self.cluster(token.as_ref()).await,
            Kind::Sentinel(name) => self.primary(name, token.as_ref()).await,
        };
        let connection = connection.map_err(|error| match &token {
            Some(token) => failure::error(&error, &self.addresses(), [token.expose()]),
            None => self.failure(&error),
        })?;
        Ok(Connected {
            connection,
            expires_at: token.map(|token| token.expires_at()),
            id: Arc::new(()),
        })
    }

    async fn one(&self, token: Option<&AccessToken>) -> Result<Connection, RedisError> {
        let client = Client::open(with_token(&self.servers[0], token))?;
        open(&client).await
    }

    async fn cluster(&self, token: Option<&AccessToken>) -> Result<Connection, RedisError> {
        let nodes = self.servers.iter().map(|it| with_token(it, token));
        let mut builder = ClusterClientBuilder::new(nodes)
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(RESPONSE_TIMEOUT)
            .overall_response_timeout(Some(RESPONSE_TIMEOUT))
            .retries(2);
        if let Some(certificates) = &self.certificates {
            builder = builder.certs(certificates.clone());
        }
        let client = builder.build()?;
        client.get_async_connection().await.map(Connection::Cluster)
    }

    /// Asks the sentinels who is the primary server, each time: it changes.
    async fn primary(
        &self,
        name: &str,
        token: Option<&AccessToken>,
    ) -> Result<Connection, RedisError> {
        let sentinels = self.servers.iter().map(|it| it.addr().clone());
        let first = with_token(&self.servers[0], token);
        let settings = first.redis_settings();
        let mut builder = SentinelClientBuilder::new(sentinels, name, SentinelServerType::Master)?
            .set_client_to_redis_db(settings.db());
        if let Some(username) = settings.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(certificates) = &self.certificates {
            builder = builder
                .set_client_to_redis_tls_mode(TlsMode::Secure)
                .set_client_to_sentinel_tls_mode(TlsMode::Secure)
                .set_client_to_redis_certificates(certificates.clone())
                .set_client_to_sentinel_certificates(certificates.clone());
        }
        let client = builder.build()?.async_get_client().await?;
        open(&client).await
    }
}

async fn open(client: &Client) -> Result<Connection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    connection.await.map(Connection::One)
}

/// The server, with the access token as the password.
fn with_token(server: &ConnectionInfo, token: Option<&AccessToken>) -> ConnectionInfo {
    match token {
        None => server.clone(),
        Some(token) => {
            let settings = server.redis_settings().clone().set_password(token.expose());
            server.clone().set_redis_settings(settings)
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(cmd),
            Self::Cluster(cluster) => cluster.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.req_packed_commands(commands, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}
