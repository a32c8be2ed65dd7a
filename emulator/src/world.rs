//! What all servers share: the time, the accounts and roles, and what has been issued.

use super::accounts::{Account, project_number};
use super::issued::{Grant, IssuedCredentials};
use super::jwt;
use super::keys::{SigningKey, hex, random};
use super::role::Role;
use super::secrets::Secrets;
use aws_smithy_async::time::SharedTimeSource;
use serde_json::Value;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) const ISSUER: &str = "https://accounts.google.com";

/// What Google gives its ID and access tokens.
pub(super) const TOKEN_LIFETIME: i64 = 3600;

/// Origins, without a path: `http://127.0.0.1:PORT`.
#[derive(Debug)]
pub(super) struct Origins {
    pub(super) metadata: String,
    pub(super) token: String,
    /// Others under which the token endpoint is known.
    pub(super) token_uris: Vec<String>,
    pub(super) iam: String,
    pub(super) jwks: String,
    pub(super) sts: String,
}

impl Origins {
    pub(super) fn token_uri(&self) -> String {
        format!("{}/token", self.token)
    }

    pub(super) fn jwks_uri(&self) -> String {
        format!("{}/oauth2/v3/certs", self.jwks)
    }
}

pub(super) struct World {
    pub(super) time_source: SharedTimeSource,
    pub(super) clock_offset: AtomicI64,
    pub(super) origins: Origins,
    pub(super) google_key: Arc<SigningKey>,
    pub(super) secrets: Secrets,
    accounts: Vec<Account>,
    roles: Mutex<Vec<Role>>,
    access_tokens: Mutex<HashMap<String, Grant>>,
    refresh_tokens: Mutex<HashMap<String, Grant>>,
    issued: Mutex<HashMap<String, IssuedCredentials>>,
}

impl World {
    /// `accounts` must not be empty.
    pub(super) fn new(
        time_source: SharedTimeSource,
        origins: Origins,
        google_key: Arc<SigningKey>,
        accounts: Vec<Account>,
        roles: Vec<Role>,
    ) -> Self {
        Self {
            time_source,
            clock_offset: AtomicI64::new(0),
            origins,
            google_key,
            secrets: Secrets::default(),
            accounts,
            roles: Mutex::new(roles),
            access_tokens: Mutex::default(),
            refresh_tokens: Mutex::default(),
            issued: Mutex::default(),
        }
    }

    /// Seconds since 1970, as the servers see them.
    pub(super) fn now(&self) -> i64 {
        let now = match self.time_source.now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            Err(_) => 0,
        };
        now.saturating_add(self.clock_offset.load(Ordering::Relaxed))
    }

    /// The account that the machine of the metadata server runs as.
    pub(super) fn attached(&self) -> &Account {
        &self.accounts[0]
    }

    /// By e-mail address or unique id.
    pub(super) fn account(&self, name: &str) -> Option<&Account> {
        self.accounts
            .iter()
            .find(|account| account.email() == name || account.unique_id() == name)
    }

    pub(super) fn role(&self, arn: &str) -> Option<Role> {
        super::lock(&self.roles)
            .iter()
            .find(|role| role.arn == arn)
            .cloned()
    }

    pub(super) fn put_role(&self, role: Role) {
        let mut roles = super::lock(&self.roles);
        match roles.iter_mut().find(|old| old.arn == role.arn) {
            Some(old) => *old = role,
            None => roles.push(role),
        }
    }

    pub(super) fn first_role_arn(&self) -> String {
        super::lock(&self.roles)
            .first()
            .map(|role| role.arn.clone())
            .unwrap_or_default()
    }

    /// A new access token, good for an hour.
    pub(super) fn access_token(&self, principal: &str, scopes: &str, lifetime: i64) -> String {
        let token = format!("ya29.emulator-{}", hex(&random(32)));
        let grant = Grant::new(principal, scopes, self.now().saturating_add(lifetime));
        super::lock(&self.access_tokens).insert(token.clone(), grant);
        self.secrets.add(&token);
        token
    }

    /// Who stands behind an access token that has not expired.
    pub(super) fn bearer(&self, token: &str) -> Option<Grant> {
        let grant = super::lock(&self.access_tokens).get(token).cloned()?;
        (self.now() < grant.expires).then_some(grant)
    }

    pub(super) fn refresh_token(&self, principal: &str) -> String {
        let token = format!("1//emulator-{}", hex(&random(32)));
        super::lock(&self.refresh_tokens)
            .insert(token.clone(), Grant::new(principal, "", i64::MAX));
        self.secrets.add(&token);
        token
    }

    pub(super) fn refreshing(&self, token: &str) -> Option<Grant> {
        super::lock(&self.refresh_tokens).get(token).cloned()
    }

    pub(super) fn issue(&self, credentials: IssuedCredentials) {
        self.secrets.add(credentials.secret_access_key());
        self.secrets.add(credentials.session_token());
        super::lock(&self.issued).insert(credentials.access_key_id().to_owned(), credentials);
    }

    pub(super) fn issued(&self, access_key_id: &str) -> Option<IssuedCredentials> {
        super::lock(&self.issued).get(access_key_id).cloned()
    }

    /// An ID token of Google's with exactly these claims.
    pub(super) fn id_token(&self, claims: &Value) -> io::Result<String> {
        let token = jwt::sign(&self.google_key, claims)?;
        self.secrets.add(&token);
        Ok(token)
    }
}

pub(super) fn system_time(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// Number of the project that `account` belongs to.
pub(super) fn project_number_of(account: &Account) -> u64 {
    project_number(account.project())
}
