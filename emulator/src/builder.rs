//! What an emulator is made of.

use super::accounts::{Account, ServiceAccount};
use super::desk::Desk;
use super::keys::{KeyUse, SigningKey};
use super::role::Role;
use super::server::{Port, Site};
use super::world::{Origins, World};
use super::{DEFAULT_AUDIENCE, DEFAULT_ROLE_ARN, DEFAULT_SERVICE_ACCOUNT, Emulator};
use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource, TimeSource};
use std::io;
use std::sync::Arc;

/// Configures an [`Emulator`]; every setter has a default.
#[derive(Debug, Default)]
#[must_use]
pub struct EmulatorBuilder {
    accounts: Vec<ServiceAccount>,
    roles: Vec<Role>,
    audience: Option<String>,
    time_source: Option<SharedTimeSource>,
    token_uris: Vec<String>,
}

impl EmulatorBuilder {
    /// Adds a service account. The first one is attached to the machine of the metadata server. Without any there is
    /// [`DEFAULT_SERVICE_ACCOUNT`], which may sign for itself.
    pub fn service_account(mut self, account: ServiceAccount) -> Self {
        self.accounts.push(account);
        self
    }

    /// Adds a role. Without any there is [`DEFAULT_ROLE_ARN`], which admits the first service account with the
    /// [`audience`](Self::audience), for 12 hours at most.
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// The audience that the role of the default admits and [`Emulator::env`] names; [`DEFAULT_AUDIENCE`] unless given.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// A further URI under which the token endpoint is reached, such as that of a TLS proxy: it takes assertions
    /// whose `aud` is that.
    pub fn token_uri(mut self, uri: impl Into<String>) -> Self {
        self.token_uris.push(uri.into());
        self
    }

    /// Where the servers have the time from; the system unless given. [`Emulator::sdk_config`] has it too.
    pub fn time_source(mut self, time_source: impl TimeSource + 'static) -> Self {
        self.time_source = Some(SharedTimeSource::new(time_source));
        self
    }

    /// Starts the servers, on the current tokio runtime.
    ///
    /// # Errors
    /// `InvalidInput` for an account or a role that cannot be; what the system says when it has no port.
    ///
    /// # Panics
    /// Outside a tokio runtime, or on one without I/O.
    pub async fn start(self) -> io::Result<Emulator> {
        let audience = self.audience.unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned());
        let settings = match self.accounts.is_empty() {
            true => vec![
                ServiceAccount::new(DEFAULT_SERVICE_ACCOUNT)
                    .token_creators([DEFAULT_SERVICE_ACCOUNT]),
            ],
            false => self.accounts,
        };
        // The first emulator of a process makes the keys, which would keep the runtime's thread busy.
        let made = tokio::task::spawn_blocking(move || make_keys(settings));
        let (google_key, foreign_key, accounts) = made.await.map_err(io::Error::other)??;
        distinct(&accounts)?;
        let roles = match self.roles.is_empty() {
            true => vec![default_role(&accounts[0], &audience)],
            false => self.roles,
        };
        let roles = roles
            .into_iter()
            .map(Role::parsed)
            .collect::<io::Result<_>>()?;
        let mut ports = Vec::new();
        for site in Site::ALL {
            ports.push((site, Port::reserve()?));
        }
        let time_source = self
            .time_source
            .unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new()));
        let origins = Origins {
            token_uris: self.token_uris,
            ..origins(&ports)
        };
        let world = World::new(time_source, origins, google_key, accounts, roles);
        let desk = Arc::new(Desk::new(world));
        for (site, port) in &mut ports {
            port.open(*site, &desk)?;
        }
        Ok(Emulator {
            desk,
            foreign_key,
            audience,
            ports: tokio::sync::Mutex::new(ports),
        })
    }
}

type Keys = (Arc<SigningKey>, Arc<SigningKey>, Vec<Account>);

fn make_keys(settings: Vec<ServiceAccount>) -> io::Result<Keys> {
    let accounts = settings
        .into_iter()
        .enumerate()
        .map(|(index, settings)| Account::new(settings, index))
        .collect::<io::Result<_>>()?;
    Ok((
        SigningKey::shared(KeyUse::Google, 0)?,
        SigningKey::shared(KeyUse::Foreign, 0)?,
        accounts,
    ))
}

fn distinct(accounts: &[Account]) -> io::Result<()> {
    let is_same =
        |a: &Account, b: &Account| a.email() == b.email() || a.unique_id() == b.unique_id();
    for (at, account) in accounts.iter().enumerate() {
        if accounts[..at].iter().any(|other| is_same(other, account)) {
            let problem = format!("{} or its unique id is there twice", account.email());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
    }
    Ok(())
}

fn default_role(account: &Account, audience: &str) -> Role {
    let id = account.unique_id();
    let keys = ConditionKeys::from_claims(Some(id), audience, id);
    Role::new(DEFAULT_ROLE_ARN)
        .trust_policy(TrustPolicy::admitting(&keys))
        .max_session_length(std::time::Duration::from_secs(43_200))
}

fn origins(ports: &[(Site, Port)]) -> Origins {
    let origin = |wanted: Site| {
        ports
            .iter()
            .find(|(site, _)| *site == wanted)
            .map(|(_, port)| port.origin())
            .unwrap_or_default()
    };
    Origins {
        metadata: origin(Site::Metadata),
        token: origin(Site::Token),
        token_uris: Vec::new(),
        iam: origin(Site::Iam),
        jwks: origin(Site::Jwks),
        sts: origin(Site::Sts),
    }
}
