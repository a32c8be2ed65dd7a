//! Building an emulator.

use crate::call::Call;
use crate::dispatcher::{Dispatcher, Endpoint};
use crate::service::{SERVICES, Service};
use crate::socket::port::Port;
use crate::state::accounts::{Account, ServiceAccount};
use crate::state::keys::{KeyUse, SigningKey};
use crate::state::kms::KmsKey;
use crate::state::role::Role;
use crate::state::{Origins, State};
use crate::test_clock::TestClock;
use crate::{
    DEFAULT_AUDIENCE, DEFAULT_KMS_KEY, DEFAULT_ROLE_ARN, DEFAULT_SERVICE_ACCOUNT, Emulator,
};
use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource, TimeSource};
use std::io;
use std::sync::Arc;

/// Configures an [`Emulator`]. Every setter has a default.
#[derive(Debug, Default)]
#[must_use]
pub struct EmulatorBuilder {
    accounts: Vec<ServiceAccount>,
    roles: Vec<Role>,
    kms_keys: Vec<KmsKey>,
    audience: Option<String>,
    time_source: Option<SharedTimeSource>,
    sleep: Option<SharedAsyncSleep>,
    ports: Vec<(Call, u16)>,
    role_arn: Option<String>,
    token_uris: Vec<String>,
    oidc_provider: Option<Vec<String>>,
    is_gke: bool,
}

impl EmulatorBuilder {
    /// Adds a service account. The first one is attached to the machine of the metadata server.
    ///
    /// Default: [`DEFAULT_SERVICE_ACCOUNT`], which may sign for itself.
    pub fn service_account(mut self, account: ServiceAccount) -> Self {
        self.accounts.push(account);
        self
    }

    /// Adds a role.
    ///
    /// Default: [`DEFAULT_ROLE_ARN`], which admits the first service account with the
    /// [`audience`](Self::audience) for up to 12 hours.
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Adds a key of Cloud KMS.
    ///
    /// Default: [`DEFAULT_KMS_KEY`], with which the first service account may encrypt and decrypt.
    pub fn kms_key(mut self, key: KmsKey) -> Self {
        self.kms_keys.push(key);
        self
    }

    /// The ARN of the default role.
    ///
    /// Default: [`DEFAULT_ROLE_ARN`].
    pub fn role_arn(mut self, arn: impl Into<String>) -> Self {
        self.role_arn = Some(arn.into());
        self
    }

    /// The audience that the default role admits and [`Emulator::env`] names.
    ///
    /// Default: [`DEFAULT_AUDIENCE`].
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Adds a URI of the token endpoint, such as that of a TLS proxy in front of it: the endpoint
    /// accepts assertions with this `aud` too.
    pub fn token_uri(mut self, uri: impl Into<String>) -> Self {
        self.token_uris.push(uri.into());
        self
    }

    /// Gives the AWS account an IAM OIDC provider for `https://accounts.google.com` with these
    /// client ids, as many guides recommend.
    ///
    /// STS then looks for the token's `azp`, or for its `aud` if there is no `azp`, among the
    /// client ids. It refuses other tokens with `InvalidIdentityToken`, whatever the trust policy
    /// says. For a token of the metadata server the `azp` is the
    /// [unique id](Emulator::service_account_id), not the audience. The provider applies to the
    /// roles of every account.
    ///
    /// Default: no such provider. [`Emulator::put_oidc_provider`] adds one later.
    pub fn oidc_provider(
        mut self,
        client_ids: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.oidc_provider = Some(client_ids.into_iter().map(Into::into).collect());
        self
    }

    /// Makes the metadata server that of GKE, in a pod whose Kubernetes service account is linked
    /// to the first service account: every ID token has `email`, also without `format=full`.
    ///
    /// For an account that is not linked see
    /// [`Answer::gke_not_annotated`](crate::Answer::gke_not_annotated).
    ///
    /// Default: the metadata server of Compute Engine.
    pub fn gke(mut self) -> Self {
        self.is_gke = true;
        self
    }

    /// The clock of the servers and of [`Emulator::sdk_config`].
    ///
    /// Default: the system's clock.
    pub fn time_source(mut self, time_source: impl TimeSource + 'static) -> Self {
        self.time_source = Some(SharedTimeSource::new(time_source));
        self
    }

    /// The clock of the servers, and clock and sleep of [`Emulator::sdk_config`].
    pub fn test_clock(mut self, clock: &TestClock) -> Self {
        self.sleep = Some(SharedAsyncSleep::new(clock.clone()));
        self.time_source(clock.clone())
    }

    /// The port of the server of `call`. The server's other calls have the same one.
    ///
    /// Default: any free port.
    pub fn port(mut self, call: Call, port: u16) -> Self {
        self.ports.push((call, port));
        self
    }

    /// Starts the servers, on the current tokio runtime.
    ///
    /// # Errors
    /// `InvalidInput` for an invalid account or role; the system's error if no port is free.
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
        // The first emulator of a process generates RSA keys, which would block the runtime's
        // thread.
        let made = tokio::task::spawn_blocking(move || make_keys(settings));
        let (google_key, foreign_key, accounts) = made.await.map_err(io::Error::other)??;
        distinct(&accounts)?;
        let roles = match self.roles.is_empty() {
            true => {
                let arn = self.role_arn.as_deref().unwrap_or(DEFAULT_ROLE_ARN);
                vec![default_role(arn, &accounts[0], &audience)]
            }
            false => self.roles,
        };
        let roles = roles
            .into_iter()
            .map(Role::parsed)
            .collect::<io::Result<_>>()?;
        let kms_keys = match self.kms_keys.is_empty() {
            true => {
                let user = accounts[0].email();
                vec![KmsKey::new(DEFAULT_KMS_KEY).encrypter_decrypters([user])]
            }
            false => self.kms_keys,
        };
        let mut ports = Vec::new();
        for service in &SERVICES {
            let chosen = self.ports.iter().rfind(|(call, _)| service.has(*call));
            let number = chosen.map_or(0, |(_, number)| *number);
            ports.push((service, reserve(service, number)?));
        }
        let time_source = self
            .time_source
            .unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new()));
        let by_service = |(service, port): &(&'static Service, Port)| (service.name, port.origin());
        let origins = Origins {
            by_service: ports.iter().map(by_service).collect(),
            token_uris: self.token_uris,
        };
        let sleep = self
            .sleep
            .unwrap_or_else(|| SharedAsyncSleep::new(TokioSleep::new()));
        let mut state = State::new(
            time_source,
            sleep,
            origins,
            google_key,
            accounts,
            roles,
            kms_keys,
        );
        state.is_gke = self.is_gke;
        state.set_oidc_provider(self.oidc_provider);
        let dispatcher = Arc::new(Dispatcher::new(state));
        for (service, port) in &mut ports {
            let dispatcher = dispatcher.clone();
            port.open(Endpoint {
                service,
                dispatcher,
            })?;
        }
        Ok(Emulator {
            dispatcher,
            foreign_key,
            audience,
            ports: tokio::sync::Mutex::new(ports),
        })
    }
}

fn reserve(service: &Service, number: u16) -> io::Result<Port> {
    Port::reserve(number).map_err(|error| {
        let problem = format!("port {number} for the {} server: {error}", service.name);
        io::Error::new(error.kind(), problem)
    })
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
            let problem = format!("{} or its unique id is used twice", account.email());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
    }
    Ok(())
}

fn default_role(arn: &str, account: &Account, audience: &str) -> Role {
    let id = account.unique_id();
    let keys = ConditionKeys::from_claims(Some(id), audience, id);
    Role::new(arn)
        .trust_policy(TrustPolicy::admitting(&keys))
        .max_session_length(std::time::Duration::from_secs(43_200))
}
