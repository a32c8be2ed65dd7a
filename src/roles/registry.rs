//! The providers that were asked for.

use crate::aws::sts::AssumeRole;
use crate::clock::Moment;
use crate::provider::GoogleWebIdentityProvider;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Unused providers are looked for this often, or when their number has doubled.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// A provider without a session is kept this long: its exchange may be in flight, or the error of
/// its exchange is cached. No error is cached for longer, unless the server asks for it.
const KEEP_WITHOUT_SESSION: Duration = Duration::from_secs(60);

/// Keeps a provider while it is held outside, and until the session ends that it had when it was
/// last seen held.
#[derive(Default)]
pub(super) struct Registry(Mutex<Providers>);

#[derive(Default)]
struct Providers {
    by_role: HashMap<Arc<AssumeRole>, Entry>,
    swept_at: Option<Moment>,
    /// How many the last sweep left.
    left: usize,
}

struct Entry {
    provider: GoogleWebIdentityProvider,
    /// When the provider was first seen without a holder since it was asked for, and how long it is
    /// kept from then on. Fixed at that time: with `keep_warm` its session never ends.
    unheld: Option<(Moment, Duration)>,
}

impl Registry {
    /// The provider for the role, made by `make` if there is none.
    pub(super) fn provider(
        &self,
        now: Moment,
        role: AssumeRole,
        make: impl FnOnce(Arc<AssumeRole>) -> GoogleWebIdentityProvider,
    ) -> GoogleWebIdentityProvider {
        let mut providers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = providers.by_role.get_mut(&role) {
            entry.unheld = None;
            let provider = entry.provider.clone();
            let dropped = providers.sweep(now);
            // Without the lock: a dropped provider may drop a source's future.
            drop(providers);
            drop(dropped);
            return provider;
        }
        let dropped = providers.sweep(now);
        let role = Arc::new(role);
        let provider = make(role.clone());
        let entry = Entry {
            provider: provider.clone(),
            unheld: None,
        };
        providers.by_role.insert(role, entry);
        drop(providers);
        drop(dropped);
        provider
    }

    pub(super) fn len(&self) -> usize {
        let providers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        providers.by_role.len()
    }
}

impl Providers {
    /// Takes out the unused providers, if it is time to look for them.
    fn sweep(&mut self, now: Moment) -> Vec<Entry> {
        let swept_at = *self.swept_at.get_or_insert(now);
        let has_doubled = self.by_role.len() >= 2 * self.left.max(512);
        if swept_at.age(&now) < SWEEP_EVERY && !has_doubled {
            return Vec::new();
        }
        self.swept_at = Some(now);
        let unused = self.by_role.extract_if(|_, entry| entry.is_unused(&now));
        let dropped: Vec<_> = unused.map(|(_, entry)| entry).collect();
        self.left = self.by_role.len();
        if self.by_role.capacity() > 4 * self.left {
            self.by_role.shrink_to_fit();
        }
        dropped
    }
}

impl Entry {
    /// The lock is held, so nobody gets the provider from here meanwhile, and without another
    /// handle nobody can clone one.
    fn is_unused(&mut self, now: &Moment) -> bool {
        if !self.provider.is_only_handle() {
            self.unheld = None;
            return false;
        }
        let (since, keep) = *self.unheld.get_or_insert_with(|| {
            let expires_at = self.provider.expires_at();
            let left = expires_at.and_then(|end| end.duration_since(now.wall).ok());
            (*now, left.unwrap_or_default().max(KEEP_WITHOUT_SESSION))
        });
        since.age(now) >= keep
    }
}
