//! The types of credentials file that Google's tools write
//! ([AIP-4110 ff.](https://google.aip.dev/auth/4110)), and which source of ID tokens each becomes.

use crate::build_error::BuildError;
use crate::file::json;
use crate::google::application_default::authorized_user::{AuthorizedUser, Login};
use crate::google::application_default::external_account::ExternalAccount;
use crate::google::application_default::quota_project::{QuotaProject, with_quota_project};
use crate::google::application_default::target::Target;
use crate::google::iam::IamIdToken;
use crate::google::iam::impersonated::Impersonated;
use crate::google::token_endpoint::key_file::check_universe;
use crate::google::token_endpoint::{JwtBearer, LocalKey};
use crate::names::ServiceAccountEmail;
use crate::redact::{shown, word};
use crate::server::Server;
use crate::token::{ProvideAccessToken, ProvideIdToken};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Accounts can impersonate accounts that impersonate accounts. IAM itself allows a chain of four.
const MAX_NESTING: usize = 4;

const KNOWN: &str = "service_account, impersonated_service_account, external_account and \
    authorized_user are known";

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(default, deserialize_with = "json::text")]
    r#type: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    service_account_impersonation_url: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    quota_project_id: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    universe_domain: Option<String>,
    #[serde(default, deserialize_with = "json::null_is_default")]
    delegates: Vec<String>,
    #[serde(borrow)]
    source_credentials: Option<&'a RawValue>,
}

/// A credentials file, parsed.
#[derive(Clone, Debug)]
pub(crate) struct CredentialsFile {
    identity: Identity,
    quota_project: Option<QuotaProject>,
}

#[derive(Clone, Debug)]
enum Identity {
    /// `service_account`: the key of an account.
    Key(LocalKey),
    /// `authorized_user`, `external_account_authorized_user`: a person's login.
    Person(Arc<AuthorizedUser>),
    /// `external_account`: an identity of a pool, which may name an account to impersonate.
    Federated {
        pool: Arc<ExternalAccount>,
        target: Option<Target>,
    },
    /// `impersonated_service_account`: an account, and who calls IAM for it.
    Impersonated {
        target: Target,
        caller: Arc<CredentialsFile>,
    },
}

impl CredentialsFile {
    /// Parses the contents of a file; `name` names it in messages.
    pub(crate) fn parse(name: &str, bytes: &[u8]) -> Result<Self, BuildError> {
        Self::parse_nested(name, "a credentials file", bytes, MAX_NESTING)
    }

    fn parse_nested(
        name: &str,
        what: &str,
        bytes: &[u8],
        nesting: usize,
    ) -> Result<Self, BuildError> {
        let wrong = |message: String| BuildError::new(name, message);
        let fields: Fields<'_> = json::parse(name, what, bytes)?;
        check_universe(fields.universe_domain.as_deref()).map_err(wrong)?;
        let url = fields.service_account_impersonation_url.as_deref();
        let target = |url| Target::parse_url(url, &fields.delegates).map_err(wrong);
        let person = |login| {
            let user = AuthorizedUser::parse(name, bytes, login)?;
            Ok(Identity::Person(Arc::new(user)))
        };
        let identity = match fields.r#type.as_deref().unwrap_or_default() {
            "service_account" => Identity::Key(LocalKey::named(name, bytes)?),
            "authorized_user" => person(Login::Google)?,
            "external_account_authorized_user" => person(Login::Workforce)?,
            "external_account" => Identity::Federated {
                pool: Arc::new(ExternalAccount::parse(name, bytes)?),
                target: url.map(target).transpose()?,
            },
            "impersonated_service_account" => {
                let (Some(url), Some(source)) = (url, fields.source_credentials) else {
                    return Err(wrong(
                        "lacks service_account_impersonation_url or source_credentials".to_owned(),
                    ));
                };
                let Some(nesting) = nesting.checked_sub(1) else {
                    return Err(wrong(format!(
                        "nests more than {MAX_NESTING} source_credentials"
                    )));
                };
                let source = source.get().as_bytes();
                Identity::Impersonated {
                    target: target(url)?,
                    caller: Arc::new(Self::parse_nested(
                        name,
                        "source_credentials",
                        source,
                        nesting,
                    )?),
                }
            }
            other => return Err(wrong(unsupported(other))),
        };
        let quota_project = fields.quota_project_id.as_deref();
        Ok(Self {
            identity,
            quota_project: QuotaProject::parse("quota_project_id", quota_project)
                .map_err(|error| wrong(format!("its {error}")))?,
        })
    }

    /// Chooses the source of ID tokens: for the account to impersonate, if one is set, otherwise
    /// for the file's own identity.
    ///
    /// `quota_project`, from the environment, replaces the file's own: it counts the calls that the
    /// file's identity makes. A caller inside the file (`source_credentials`) keeps its own
    /// project, as with Google's libraries.
    pub(crate) fn id_token_source(
        &self,
        name: &str,
        impersonate: Option<&Target>,
        quota_project: Option<&QuotaProject>,
    ) -> Result<Arc<dyn ProvideIdToken>, BuildError> {
        let of_target = |target: &Target, caller| -> Arc<dyn ProvideIdToken> {
            Arc::new(IamIdToken::from_client(target.client(caller)).include_email(true))
        };
        // An account needs a role on itself to impersonate itself, so a file that acts as the
        // wanted account already is used as it is. Its token is the same: IAM's generateIdToken
        // makes both.
        let impersonate = impersonate.filter(|wanted| {
            let own = self.identity.target().map(Target::account);
            own != Some(wanted.account())
        });
        match (&self.identity, impersonate) {
            // The file's identity calls IAM for the other account.
            (_, Some(target)) => {
                let caller = with_quota_project(quota_project, self.access());
                Ok(of_target(target, caller))
            }
            // The token endpoint gives an account its own ID token for an assertion signed by its
            // key. That needs no permission, unlike a call of IAM.
            (Identity::Key(key), None) => Ok(Arc::new(JwtBearer::new(key.clone()))),
            // IAM makes the ID token; the caller may impersonate the account, which need not have a
            // role on itself.
            (Identity::Impersonated { target, caller }, None) => {
                Ok(of_target(target, caller.access()))
            }
            // For the same reason the pool's identity calls, not the account.
            (Identity::Federated { pool, target }, None) => match target {
                Some(target) => {
                    let quota_project = quota_project.or(self.quota_project.as_ref());
                    let caller = with_quota_project(quota_project, pool.clone());
                    Ok(of_target(target, caller))
                }
                None => Err(BuildError::new(
                    name,
                    "is an external_account without service_account_impersonation_url: a federated \
                     identity has no Google ID token of its own; name the account to act as, with \
                     ApplicationDefault::impersonate(email), \
                     CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT or `gcloud iam \
                     workload-identity-pools create-cred-config --service-account=…`",
                )),
            },
            // A person's ID token has gcloud's audience, which no role expects.
            (Identity::Person(user), None) => Err(BuildError::new(
                name,
                format!(
                    "is an {}, a person's login: its ID token has gcloud's audience, not yours; name a \
                     service account to act as, with ApplicationDefault::impersonate(email), \
                     CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT or `gcloud auth application-default \
                     login --impersonate-service-account=email`, or have \
                     GOOGLE_APPLICATION_CREDENTIALS name another file (unset it if it names this one)",
                    user.login().file_type()
                ),
            )),
        }
    }

    /// The access tokens of the file's identity, for calling IAM.
    pub(crate) fn access(&self) -> Arc<dyn ProvideAccessToken> {
        let access: Arc<dyn ProvideAccessToken> = match &self.identity {
            Identity::Key(key) => Arc::new(key.clone()),
            Identity::Person(user) => user.clone(),
            Identity::Federated { pool, target: None } => pool.clone(),
            // The account is the caller, not the pool's identity, as with Google's libraries.
            Identity::Federated {
                pool,
                target: Some(target),
            } => Arc::new(Impersonated(target.client(pool.clone()))),
            Identity::Impersonated { target, caller } => {
                Arc::new(Impersonated(target.client(caller.access())))
            }
        };
        with_quota_project(self.quota_project.as_ref(), access)
    }

    /// The servers that are called for an ID token of the file's own identity, in this order.
    pub(crate) fn servers(&self) -> Result<Vec<Server>, BuildError> {
        Ok(match &self.identity {
            Identity::Key(key) => vec![key.server()],
            Identity::Person(user) => vec![user.server()],
            Identity::Federated { pool, target } => {
                let iam = target.as_ref().map(Target::server).transpose()?;
                pool.servers().chain(iam).collect()
            }
            Identity::Impersonated { target, caller } => {
                let mut servers = caller.servers()?;
                servers.push(target.server()?);
                servers
            }
        })
    }

    /// The file's type.
    pub(crate) fn r#type(&self) -> &'static str {
        match &self.identity {
            Identity::Key(_) => "service_account",
            Identity::Person(user) => user.login().file_type(),
            Identity::Federated { .. } => "external_account",
            Identity::Impersonated { .. } => "impersonated_service_account",
        }
    }

    /// The service account that the file acts as, if it names one.
    pub(crate) fn account(&self) -> Option<&ServiceAccountEmail> {
        match &self.identity {
            Identity::Key(key) => Some(key.email()),
            other => other.target().map(Target::account),
        }
    }
}

impl Identity {
    /// The account that it impersonates.
    fn target(&self) -> Option<&Target> {
        match self {
            Self::Impersonated { target, .. } => Some(target),
            Self::Federated { target, .. } => target.as_ref(),
            Self::Key(_) | Self::Person(_) => None,
        }
    }
}

fn unsupported(r#type: &str) -> String {
    match r#type {
        "" => "has no \"type\"; a file that gcloud or Google's console wrote is expected".to_owned(),
        "gdch_service_account" => "is a gdch_service_account, of Google Distributed Cloud, whose tokens \
            AWS doesn't trust; a service_account key, an impersonated_service_account or the metadata \
            server works"
            .to_owned(),
        // In a damaged file the type may be a secret.
        other if word(other).is_none() => {
            format!("has a type that is no word; {KNOWN}")
        }
        other => format!("has the unknown type {}; {KNOWN}", shown(other)),
    }
}
