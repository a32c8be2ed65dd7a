//! The exchange of many processes: the holder of the lease makes it, and the others take its
//! session from the cache.

use super::Exchange;
use crate::aws::session::Session;
use crate::cache::{CachedSession, GuardedCache, KeyBase, Leased, Visit};
use crate::clock::Moment;
use crate::error::{Error, ErrorKind, Stage};
use crate::refresh::{Deadline, Fetched, Need, RefreshPolicy};
use crate::token::{IdToken, Identity};
use std::sync::Arc;
use std::time::Duration;

/// With nothing to serve, a process that did not get the lease waits this long for the session of
/// the one that did. Two exchanges do no harm; a caller that waits does.
const WAIT_WITH_NOTHING: Duration = Duration::from_secs(3);
/// A held session with less life left counts as nothing: callers must not run into its end because
/// another process is slow.
const ENOUGH: Duration = Duration::from_secs(60);
/// Two measures of the same session's life differ by less than this.
const MEASURE: Duration = Duration::from_secs(1);
/// Time left for an exchange of its own, once the waiting is over.
const OWN_EXCHANGE: Duration = Duration::from_secs(5);
/// The pauses between looks at the cache, while another process has the lease. They are short at
/// first, since an exchange takes some 100 ms, and grow for a session that is only renewed.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What the shared exchange needs beside the exchange itself.
#[derive(Debug)]
pub(crate) struct Sharing {
    pub(crate) cache: Arc<GuardedCache>,
    pub(crate) keys: KeyBase,
    pub(crate) policy: RefreshPolicy,
}

impl Exchange {
    /// A session: from the cache if there is one that is good enough, otherwise by an exchange.
    pub(crate) async fn fetch(
        &self,
        deadline: &Deadline,
        need: Need,
    ) -> Result<Fetched<Session>, Error> {
        match &self.sharing {
            Some(sharing) => Fetch::of(self, sharing, deadline, need).await,
            None => Ok(self.fetched(self.session(deadline).await?)),
        }
    }

    /// A session that was issued just now.
    fn fetched(&self, session: Session) -> Fetched<Session> {
        let left = session.expires_at().duration_since(self.cx.now());
        Fetched {
            value: session,
            lifetime: left.unwrap_or_default(),
            age: Duration::ZERO,
        }
    }
}

/// One fetch with a cache.
struct Fetch<'a> {
    exchange: &'a Exchange,
    policy: &'a RefreshPolicy,
    deadline: &'a Deadline,
    need: Need,
    visit: Visit<'a>,
    /// Under which a session is stored, if it was known without a token.
    identity: Option<Identity>,
    across_machines: bool,
    /// Fetched to learn the identity, if that was not known without a call.
    token: Option<IdToken>,
    /// Whether the cache had a session that is to be renewed, but lives longer than the one held.
    has_old: bool,
    /// When the life of the session that was loaded or issued last was measured.
    measured: Moment,
}

impl<'a> Fetch<'a> {
    async fn of(
        exchange: &'a Exchange,
        sharing: &'a Sharing,
        deadline: &'a Deadline,
        need: Need,
    ) -> Result<Fetched<Session>, Error> {
        let across_machines = sharing.cache.is_shared();
        let known = known_identity(exchange, across_machines, deadline).await;
        let by_source = known.as_ref().ok().copied().flatten();
        let (identity, token) = match known {
            Ok(Some(identity)) => (identity, None),
            unknown => {
                if let Err(error) = unknown {
                    tracing::debug!(%error, hint = error.hint(), "the identity is not known without an ID token");
                }
                let token = deadline.guard(Stage::Source, exchange.id_token()).await?;
                (Identity::of_claims(token.claims()), Some(token))
            }
        };
        let key = sharing.keys.key(&identity);
        let fetch = Self {
            exchange,
            policy: &sharing.policy,
            deadline,
            need,
            visit: sharing.cache.visit(&exchange.cx, key),
            identity: by_source,
            across_machines,
            token,
            has_old: false,
            measured: exchange.cx.clocks().now(),
        };
        fetch.run().await
    }

    /// A session with what is left of it now, and not when it was loaded or issued: it was stored
    /// and the lease given back since, and the machine may have been suspended.
    async fn run(mut self) -> Result<Fetched<Session>, Error> {
        let fetched = self.served().await?;
        let since = self.measured.age(&self.exchange.cx.clocks().now());
        Ok(Fetched {
            lifetime: fetched.lifetime.saturating_sub(since),
            age: fetched.age.saturating_add(since),
            ..fetched
        })
    }

    async fn served(&mut self) -> Result<Fetched<Session>, Error> {
        let failed = match self.renewed().await {
            // Not after a forced exchange, which loads nothing.
            Err(error) if self.has_old => error,
            result => return result,
        };
        // As a provider serves the session it holds until it expires, whatever its refresh says.
        // Loaded again, since time has passed, and another process may have stored a new one.
        match self.load().await {
            Ok(good) => Ok(good),
            Err(Some(cached)) if self.has_old => {
                let seconds_left = cached.left.as_secs();
                tracing::warn!(
                    error = %failed, hint = failed.hint(), seconds_left,
                    "the role session could not be renewed; the cached one stays in use"
                );
                Ok(fetched(cached))
            }
            Err(_) => Err(failed),
        }
    }

    async fn renewed(&mut self) -> Result<Fetched<Session>, Error> {
        // The caller knows that the stored session is of no use either. So no lease: it would make
        // the caller wait for an exchange that began before the call.
        if self.need.forced {
            return self.exchange().await;
        }
        let clocks = self.exchange.cx.clocks();
        let (began, mut random) = (clocks.elapsed(), fastrand::Rng::new());
        loop {
            let cached = match self.load().await {
                Ok(good) => return Ok(good),
                Err(cached) => cached,
            };
            match self.visit.lease().await {
                Leased::Unknown => return self.exchange().await,
                Leased::ToUs(lease) => {
                    // Its last holder may have stored a session since.
                    let fetched = match self.load().await {
                        Ok(good) => Ok(good),
                        Err(_) => self.exchange().await,
                    };
                    // After a failure as well: the next process may have more luck. Cancelled
                    // before this, a guard is dropped and a token ends by itself.
                    self.visit.release(lease).await;
                    return fetched;
                }
                Leased::ToAnother => {}
            }
            // With the calls of the cache, which may take long.
            let waited = clocks.elapsed().saturating_sub(began);
            let has_enough = self.need.held_for > waited.saturating_add(ENOUGH);
            // With nothing held, one that is to be renewed soon is better than waiting. The
            // refresher finds it due, and comes back with something to hold.
            if let Some(cached) = cached
                && !has_enough
                && cached.left > self.need.held_for.saturating_add(MEASURE)
                && cached.left > ENOUGH
            {
                return Ok(fetched(cached));
            }
            if has_enough {
                if self.deadline.left() <= OWN_EXCHANGE {
                    // The refresher keeps what it holds, backs off and tries again. By then the
                    // lease of a process that was killed has ended.
                    let what = "another process has the lease, and has stored no session yet";
                    return Err(Error::from_message(
                        Stage::Cache,
                        ErrorKind::Unavailable,
                        what,
                    ));
                }
            } else if waited >= WAIT_WITH_NOTHING || self.deadline.left() <= OWN_EXCHANGE {
                return self.exchange().await;
            }
            let pause = FIRST_PAUSE.saturating_add(waited / 4).min(LONGEST_PAUSE);
            // Jitter, so that those who wait don't look in step.
            let pause = pause.mul_f64(0.5 + random.f64() / 2.0);
            clocks.sleep(pause).await;
        }
    }

    /// The session in the cache if it is good enough, otherwise what else is there.
    ///
    /// Good enough is a session whose refresh is due for no process yet, not even for the earliest
    /// one, and that lives longer than the one held. So a session in its refresh window is renewed
    /// by one process, and never handed around until it expires.
    async fn load(&mut self) -> Result<Fetched<Session>, Option<CachedSession>> {
        self.has_old = false;
        let Some(cached) = self.visit.load().await else {
            return Err(None);
        };
        self.measured = self.exchange.cx.clocks().now();
        let lifetime = cached.left.saturating_add(cached.age);
        let lives_longer = cached.left > self.need.held_for.saturating_add(MEASURE);
        if self.policy.may_be_due(lifetime, cached.age) || !lives_longer {
            self.has_old = lives_longer;
            return Err(Some(cached));
        }
        Ok(fetched(cached))
    }

    /// Makes the exchange, and stores its session. An error is not stored.
    async fn exchange(&mut self) -> Result<Fetched<Session>, Error> {
        let session = match self.token.take() {
            Some(token) => self.exchange.session_for(token, self.deadline).await?,
            None => self.exchange.session(self.deadline).await?,
        };
        let fetched = self.exchange.fetched(session);
        self.measured = self.exchange.cx.clocks().now();
        if self.is_same_identity().await {
            self.visit.store(&fetched.value, fetched.lifetime).await;
        } else {
            tracing::debug!(
                "the identity was changed during the exchange: the session is not stored"
            );
        }
        Ok(fetched)
    }

    /// Whether the source still speaks for the identity under which a session is stored. Otherwise
    /// a credentials file that was replaced meanwhile would put its account's session under the key
    /// of the one before.
    async fn is_same_identity(&self) -> bool {
        let Some(identity) = self.identity else {
            return true;
        };
        let now = known_identity(self.exchange, self.across_machines, self.deadline).await;
        matches!(now, Ok(Some(now)) if now == identity)
    }
}

/// Who the source speaks for, if that is known without a token.
async fn known_identity(
    exchange: &Exchange,
    across_machines: bool,
    deadline: &Deadline,
) -> Result<Option<Identity>, Error> {
    // The source's code, which may panic before it returns a future.
    let identity = async {
        let source = &exchange.source;
        source.identity(&exchange.cx, across_machines).await
    };
    deadline.guard(Stage::Source, identity).await
}

fn fetched(cached: CachedSession) -> Fetched<Session> {
    tracing::debug!(
        access_key_id = cached.session.credentials().access_key_id(),
        seconds_left = cached.left.as_secs(),
        "loaded a role session from the cache"
    );
    Fetched {
        value: cached.session,
        lifetime: cached.left,
        age: cached.age,
    }
}
