//! Sessions in Redis, for a fleet.

mod builder;
mod connection;
mod failure;

pub use builder::RedisCacheBuilder;

use crate::build_error::BuildError;
use crate::cache::guarded::PATIENCE;
use crate::cache::slot::{Age, Slot};
use crate::cache::{CacheKey, Lease, SessionCache, SessionEntry, future};
use crate::clock::Monotonic;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use ::redis::{FromRedisValue, Pipeline};
use aws_lc_rs::rand;
use connection::{Connected, Target};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The server's time is asked for again when it is older than this.
const TIME_IS_OLD: Duration = Duration::from_secs(60);

/// After a connection failed, the next one is tried this much later.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The server's time. In a cluster, of the server that has the key.
const TIME: &str = "return redis.call('TIME')";
/// Puts the entry unless the one there lives at least as long. A key without an expiry is none of
/// ours: its PTTL is -1.
///
/// A server that was paused executes this later, even when the client has gone. So the entry's life
/// ends at the latest at the given time of the server's clock.
const STORE: &str = "local now = redis.call('TIME') \
                     local left = tonumber(ARGV[3]) - now[1] * 1000 - math.floor(now[2] / 1000) \
                     left = math.min(tonumber(ARGV[2]), left) \
                     if left <= 0 or redis.call('PTTL', KEYS[1]) >= left then return 0 end \
                     redis.call('SET', KEYS[1], ARGV[1], 'PX', string.format('%.0f', left)) return 1";
/// Deletes the lease if it is still this owner's.
const RELEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Keeps sessions in Redis 6 or newer, Valkey, or Memorystore: one server, a cluster, or servers
/// that sentinels watch. Feature `redis_1`.
///
/// It takes only sealed entries: wrap it in [`Sealed`](crate::Sealed). Redis sees their keys, which
/// are hashes, and when they expire.
///
/// ```no_run
/// # async fn run(key: [u8; 32]) -> Result<(), aws_google_web_identity::Error> {
/// use aws_google_web_identity::{GoogleWebIdentityProvider, RedisCache, Sealed, SealingKey};
///
/// let redis = RedisCache::connect("rediss://user:password@redis.example.com:6379").await?;
/// let cache = Sealed::new(redis, SealingKey::local(key));
/// let provider = GoogleWebIdentityProvider::from_env().session_cache(cache);
/// # Ok(()) }
/// ```
///
/// # Connection
/// One connection serves all calls, and is made again by itself: after an error, after a timeout of
/// 230 ms, and on another tokio runtime when its own is gone. A Redis that is down or paused never
/// fails a request of the program; see [`SessionCache`]. [`builder`](Self::builder) has a cluster,
/// sentinels, root certificates and access tokens as passwords.
///
/// # Commands
/// PTTL, GETRANGE, SET, EVAL, and in scripts GET, DEL and TIME. An ACL user needs `+pttl +getrange
/// +set +get +del +time +eval` (with a cluster also `+cluster|slots`, with sentinels `+role`) on
/// the keys `aws-google-web-identity:*`.
#[derive(Clone)]
pub struct RedisCache(Arc<Inner>);

struct Inner {
    target: Arc<Target>,
    connection: Slot<Connected>,
    server_time: Mutex<Option<ServerTime>>,
}

/// The server's clock, read at some moment.
#[derive(Clone, Copy)]
struct ServerTime {
    since_1970: Duration,
    /// When the answer was there, by our monotonic clock. If it stands still, too little time seems
    /// to have passed, and an entry expires too early.
    read: Duration,
}

impl RedisCache {
    /// Connects to one server: `redis://` or, with TLS, `rediss://`, then
    /// `[user:password@]host[:port][/database]`.
    ///
    /// # Errors
    /// `Configuration` if the URL or the root certificates can't be used. A server that can't be
    /// reached or refuses the password is no error, but a warning: the program works without it,
    /// and the cache connects later.
    pub async fn connect(url: impl Into<String>) -> Result<Self, Error> {
        Self::builder([url]).connect().await
    }

    /// Configures a cluster, sentinels, root certificates or access tokens. `urls` are those of the
    /// server, or of some nodes of the cluster, or of the sentinels.
    pub fn builder(urls: impl IntoIterator<Item = impl Into<String>>) -> RedisCacheBuilder {
        RedisCacheBuilder::new(urls.into_iter().map(Into::into).collect())
    }

    async fn open(target: Target) -> Self {
        let target = Arc::new(target);
        let connection = Slot::new(RETRY_AFTER, connection::CONNECT_TIMEOUT * 2);
        let cache = Self(Arc::new(Inner {
            target,
            connection,
            server_time: Mutex::default(),
        }));
        // With access tokens there is no context yet to get one with.
        if !cache.0.target.needs_context() {
            cache.first_connection().await;
        }
        cache
    }

    /// Waits for a connection, so that the first fetch finds it. If that takes too long, the fetch
    /// does not wait once more: the attempt is too old by then.
    #[allow(
        clippy::disallowed_methods,
        reason = "there is no context yet; the client of Redis uses tokio's timers as well"
    )]
    async fn first_connection(&self) {
        let Inner {
            target, connection, ..
        } = &*self.0;
        let connect = || {
            let target = target.clone();
            async move { target.connect(None).await }
        };
        let now = Monotonic::default().elapsed();
        let connected = connection.get(now, |_| Age::Fresh, connect);
        match tokio::time::timeout(PATIENCE, connected).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(
                %error,
                hint = error.hint(),
                "not connected to Redis yet; going on without the session cache until it answers"
            ),
            // The first fetch reports it if it lasts.
            Err(_) => tracing::debug!("not connected to Redis yet"),
        }
    }

    /// Runs the commands in one round trip. If the connection breaks and they may have been
    /// executed, `again` says whether to try once more on a new one.
    async fn run<T: FromRedisValue>(
        &self,
        cx: &Context,
        commands: &Pipeline,
        again: bool,
    ) -> Result<T, Error> {
        let Inner {
            target, connection, ..
        } = &*self.0;
        let mut is_first = true;
        loop {
            let connect = || {
                let (target, cx) = (target.clone(), cx.clone());
                async move { target.connect(Some(&cx)).await }
            };
            let now = cx.clocks().elapsed();
            let connected = connection.get(now, Connected::age(cx), connect).await?;
            let mut on = connected.connection.clone();
            let error = match commands.query_async(&mut on).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if failure::is_of_connection(&error) {
                connection.discard(|it| it.is_same(&connected));
                // Nothing was lost but the connection. A server that does not answer would not
                // answer the second time.
                let is_safe = again || failure::is_refusal(&error);
                if is_first && is_safe && !error.is_timeout() {
                    is_first = false;
                    continue;
                }
            }
            return Err(target.failure(&error));
        }
    }

    async fn load(&self, cx: &Context, key: &CacheKey) -> Result<Option<SessionEntry>, Error> {
        let key = session_key(key);
        let mut commands = ::redis::pipe();
        // PTTL comes first: when another session is stored between the two, its value gets what was
        // left of the old one, which is too little. The other way round it would be too much, and
        // an expired session would be used. GETRANGE bounds what a foreign value costs.
        commands.cmd("PTTL").arg(&key);
        commands
            .cmd("GETRANGE")
            .arg(&key)
            .arg(0)
            .arg(SessionEntry::MAX_BYTES);
        commands.cmd("EVAL").arg(TIME).arg(1).arg(&key);
        let loaded = self.run(cx, &commands, true).await;
        let (left, bytes, time): (i64, Vec<u8>, (u64, u64)) = match loaded {
            // A list or a hash under our key. The next session replaces it.
            Err(error) if error.code() == Some("WRONGTYPE") => return Ok(None),
            loaded => loaded?,
        };
        self.remember(cx, time);
        let left = u64::try_from(left).unwrap_or_default();
        if left == 0 || bytes.is_empty() || bytes.len() > SessionEntry::MAX_BYTES {
            return Ok(None);
        }
        Ok(Some(SessionEntry::new(bytes, Duration::from_millis(left))))
    }

    async fn store(&self, cx: &Context, key: &CacheKey, entry: &SessionEntry) -> Result<(), Error> {
        if !entry.is_sealed() {
            return Err(Error::from_message(
                Stage::Cache,
                ErrorKind::Configuration,
                "RedisCache takes only sealed entries",
            )
            .with_hint("wrap it: Sealed::new(cache, SealingKey::local(key))"));
        }
        let asked = cx.clocks().now();
        let server_time = self.server_time(cx, key).await?;
        let left = entry.left().min(SessionEntry::MAX_LEFT);
        let left = left.saturating_sub(asked.age(&cx.clocks().now()));
        if left.as_millis() == 0 {
            return Ok(());
        }
        let until = server_time.saturating_add(left);
        let milliseconds = |it: Duration| u64::try_from(it.as_millis()).unwrap_or_default();
        let mut commands = ::redis::pipe();
        commands
            .cmd("EVAL")
            .arg(STORE)
            .arg(1)
            .arg(session_key(key))
            .arg(entry.expose())
            .arg(milliseconds(left))
            .arg(milliseconds(until));
        let _: (i64,) = self.run(cx, &commands, true).await?;
        Ok(())
    }

    fn remember(&self, cx: &Context, (seconds, microseconds): (u64, u64)) {
        let time = ServerTime {
            since_1970: Duration::from_secs(seconds)
                .saturating_add(Duration::from_micros(microseconds)),
            read: cx.clocks().elapsed(),
        };
        *self.known_time() = Some(time);
    }

    fn known_time(&self) -> MutexGuard<'_, Option<ServerTime>> {
        let time = self.0.server_time.lock();
        time.unwrap_or_else(PoisonError::into_inner)
    }

    /// The time by the server's clock, or a little less. [`load`](Self::load) has asked for it, but
    /// for a forced refresh.
    async fn server_time(&self, cx: &Context, key: &CacheKey) -> Result<Duration, Error> {
        let known = *self.known_time();
        if let Some(known) = known
            && let age = cx.clocks().elapsed().saturating_sub(known.read)
            && age < TIME_IS_OLD
        {
            return Ok(known.since_1970.saturating_add(age));
        }
        let mut commands = ::redis::pipe();
        commands.cmd("EVAL").arg(TIME).arg(1).arg(session_key(key));
        let (time,): ((u64, u64),) = self.run(cx, &commands, true).await?;
        self.remember(cx, time);
        Ok(Duration::from_secs(time.0).saturating_add(Duration::from_micros(time.1)))
    }

    async fn lease(&self, cx: &Context, key: &CacheKey) -> Result<Option<Lease>, Error> {
        let mut owner = [0; 16];
        rand::fill(&mut owner).map_err(|_| {
            let what = "the system has no random bytes for a lease";
            Error::from_message(Stage::Cache, ErrorKind::Unavailable, what)
        })?;
        let mut commands = ::redis::pipe();
        commands
            .cmd("SET")
            .arg(lease_key(key))
            .arg(&owner)
            .arg("NX")
            .arg("PX")
            .arg(Lease::LENGTH.as_millis() as u64);
        // Not again: when only the answer was lost, the second SET would find our own lease.
        let (taken,): (Option<String>,) = self.run(cx, &commands, false).await?;
        Ok(taken.map(|_| Lease::token(owner)))
    }

    async fn release(&self, cx: &Context, key: &CacheKey, lease: Lease) -> Result<(), Error> {
        let Some(owner) = lease.owner() else {
            return Ok(());
        };
        let mut commands = ::redis::pipe();
        commands
            .cmd("EVAL")
            .arg(RELEASE)
            .arg(1)
            .arg(lease_key(key))
            .arg(owner);
        let _: (i64,) = self.run(cx, &commands, true).await?;
        Ok(())
    }
}

fn session_key(key: &CacheKey) -> String {
    format!("aws-google-web-identity:session:{key}")
}

fn lease_key(key: &CacheKey) -> String {
    format!("aws-google-web-identity:lease:{key}")
}

impl SessionCache for RedisCache {
    fn load<'a>(&'a self, cx: &'a Context, key: &'a CacheKey) -> future::LoadSession<'a> {
        future::LoadSession::new(self.load(cx, key))
    }

    fn store<'a>(
        &'a self,
        cx: &'a Context,
        key: &'a CacheKey,
        entry: &'a SessionEntry,
    ) -> future::StoreSession<'a> {
        future::StoreSession::new(self.store(cx, key, entry))
    }

    fn lease<'a>(&'a self, cx: &'a Context, key: &'a CacheKey) -> future::LeaseSession<'a> {
        future::LeaseSession::new(self.lease(cx, key))
    }

    fn release<'a>(
        &'a self,
        cx: &'a Context,
        key: &'a CacheKey,
        lease: Lease,
    ) -> future::ReleaseSession<'a> {
        future::ReleaseSession::new(self.release(cx, key, lease))
    }

    fn check(&self, cx: &Context) -> Result<(), BuildError> {
        self.0.target.check(cx)
    }

    fn requires_sealing(&self) -> bool {
        true
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache")
            .field("at", &self.0.target.addresses())
            .finish_non_exhaustive()
    }
}
