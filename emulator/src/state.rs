//! What all servers share: the time, accounts, roles, keys, and everything issued so far.

pub(crate) mod accounts;
pub(crate) mod issued;
pub(crate) mod jwt;
pub(crate) mod key_file;
pub(crate) mod keys;
pub(crate) mod kms;
pub(crate) mod role;
pub(crate) mod secrets;

use crate::lock::lock;
use accounts::{Account, project_number};
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_async::time::SharedTimeSource;
use issued::{Grant, IssuedCredentials};
use keys::{SigningKey, hex, random};
use kms::KmsKey;
use role::Role;
use secrets::Secrets;
use serde_json::Value;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The issuer of Google's ID tokens.
pub(crate) const ISSUER: &str = "https://accounts.google.com";

/// Lifetime of Google's ID and access tokens, in seconds.
pub(crate) const TOKEN_LIFETIME: i64 = 3600;

/// Where the servers are.
#[derive(Debug)]
pub(crate) struct Origins {
    /// By service name, without a path: `http://127.0.0.1:PORT`.
    pub(crate) by_service: HashMap<&'static str, String>,
    /// Further URIs of the token endpoint.
    pub(crate) token_uris: Vec<String>,
}

impl Origins {
    pub(crate) fn of(&self, service: &str) -> &str {
        self.by_service
            .get(service)
            .map(String::as_str)
            .unwrap_or_default()
    }
}

/// The state behind the servers of one emulator.
pub(crate) struct State {
    pub(crate) time_source: SharedTimeSource,
    pub(crate) sleep: SharedAsyncSleep,
    /// Seconds by which the servers' clock is ahead of `time_source`.
    pub(crate) clock_offset: AtomicI64,
    pub(crate) origins: Origins,
    pub(crate) google_key: Arc<SigningKey>,
    pub(crate) secrets: Secrets,
    /// Never empty.
    accounts: Vec<Account>,
    roles: Mutex<Vec<Role>>,
    kms_keys: Mutex<Vec<KmsKey>>,
    access_tokens: Mutex<HashMap<String, Grant>>,
    refresh_tokens: Mutex<HashMap<String, Grant>>,
    issued: Mutex<HashMap<String, IssuedCredentials>>,
    /// The client ids of an IAM OIDC provider for Google, if there is one.
    oidc_provider: Mutex<Option<Vec<String>>>,
    /// Whether the metadata server is that of GKE.
    pub(crate) is_gke: bool,
}

impl State {
    /// `accounts` must not be empty.
    pub(crate) fn new(
        time_source: SharedTimeSource,
        sleep: SharedAsyncSleep,
        origins: Origins,
        google_key: Arc<SigningKey>,
        accounts: Vec<Account>,
        roles: Vec<Role>,
        kms_keys: Vec<KmsKey>,
    ) -> Self {
        Self {
            time_source,
            sleep,
            clock_offset: AtomicI64::new(0),
            origins,
            google_key,
            secrets: Secrets::default(),
            accounts,
            roles: Mutex::new(roles),
            kms_keys: Mutex::new(kms_keys),
            access_tokens: Mutex::default(),
            refresh_tokens: Mutex::default(),
            issued: Mutex::default(),
            oidc_provider: Mutex::default(),
            is_gke: false,
        }
    }

    /// The servers' time, in seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        let now = match self.time_source.now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(_) => 0,
        };
        now.saturating_add(self.clock_offset.load(Ordering::Relaxed))
    }

    /// The account that is attached to the machine of the metadata server.
    pub(crate) fn attached(&self) -> &Account {
        &self.accounts[0]
    }

    /// By e-mail address or unique id.
    pub(crate) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|account| account.email() == name || account.unique_id() == name)
    }

    pub(crate) fn role(&self, arn: &str) -> Option<Role> {
        lock(&self.roles)
            .iter()
            .find(|role| role.arn == arn)
            .cloned()
    }

    pub(crate) fn put_role(&self, role: Role) {
        let mut roles = lock(&self.roles);
        match roles.iter_mut().find(|old| old.arn == role.arn) {
            Some(old) => *old = role,
            None => roles.push(role),
        }
    }

    pub(crate) fn first_role_arn(&self) -> String {
        lock(&self.roles)
            .first()
            .map(|role| role.arn.clone())
            .unwrap_or_default()
    }

    pub(crate) fn kms_key(&self, name: &str) -> Option<KmsKey> {
        let keys = lock(&self.kms_keys);
        keys.iter().find(|key| key.name == name).cloned()
    }

    /// Whether the principal may use a key of this key ring.
    pub(crate) fn uses_key_ring(&self, principal: &str, key_ring: &str) -> bool {
        let keys = lock(&self.kms_keys);
        keys.iter()
            .any(|key| key.key_ring() == key_ring && key.admits(principal))
    }

    pub(crate) fn put_kms_key(&self, key: KmsKey) {
        let mut keys = lock(&self.kms_keys);
        match keys.iter_mut().find(|old| old.name == key.name) {
            Some(old) => *old = key,
            None => keys.push(key),
        }
    }

    /// Changes a key.
    pub(crate) fn change_kms_key<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut KmsKey) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut keys = lock(&self.kms_keys);
        let key = keys.iter_mut().find(|key| key.name == name);
        change(key.ok_or_else(|| {
            let problem = format!("the emulator has no key {name:?} of Cloud KMS");
            io::Error::new(io::ErrorKind::NotFound, problem)
        })?)
    }

    pub(crate) fn set_oidc_provider(&self, client_ids: Option<Vec<String>>) {
        *lock(&self.oidc_provider) = client_ids;
    }

    /// Without an IAM OIDC provider, AWS's own one for Google serves, which has no client ids.
    pub(crate) fn oidc_provider_admits(&self, authorized_party: &str) -> bool {
        lock(&self.oidc_provider)
            .as_ref()
            .is_none_or(|ids| ids.iter().any(|id| id == authorized_party))
    }

    /// Issues an access token that is valid for `lifetime` seconds.
    pub(crate) fn access_token(&self, principal: &str, scopes: &str, lifetime: i64) -> String {
        let token = format!("ya29.emulator-{}", hex(&random(32)));
        let grant = Grant::new(principal, scopes, self.now().saturating_add(lifetime));
        lock(&self.access_tokens).insert(token.clone(), grant);
        self.secrets.add(&token);
        token
    }

    /// The grant of an access token, unless it has expired.
    pub(crate) fn bearer(&self, token: &str) -> Option<Grant> {
        let grant = lock(&self.access_tokens).get(token).cloned()?;
        (self.now() < grant.expires).then_some(grant)
    }

    pub(crate) fn refresh_token(&self, principal: &str) -> String {
        let token = format!("1//emulator-{}", hex(&random(32)));
        lock(&self.refresh_tokens).insert(token.clone(), Grant::new(principal, "", i64::MAX));
        self.secrets.add(&token);
        token
    }

    pub(crate) fn refreshing(&self, token: &str) -> Option<Grant> {
        lock(&self.refresh_tokens).get(token).cloned()
    }

    pub(crate) fn issue(&self, credentials: IssuedCredentials) {
        self.secrets.add(credentials.secret_access_key());
        self.secrets.add(credentials.session_token());
        lock(&self.issued).insert(credentials.access_key_id().to_owned(), credentials);
    }

    pub(crate) fn issued(&self, access_key_id: &str) -> Option<IssuedCredentials> {
        lock(&self.issued).get(access_key_id).cloned()
    }

    /// Issues an ID token of Google with exactly these claims.
    pub(crate) fn id_token(&self, claims: &Value) -> io::Result<String> {
        let token = jwt::sign(&self.google_key, claims)?;
        self.secrets.add(&token);
        Ok(token)
    }
}

pub(crate) fn system_time(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// The number of the account's project.
pub(crate) fn project_number_of(account: &Account) -> u64 {
    project_number(account.project())
}
