//! The types of file that Google's tools write
//! ([AIP-4110 ff.](https://google.aip.dev/auth/4110)).

use crate::build_error::BuildError;
use crate::google::application_default::authorized_user::AuthorizedUser;
use crate::google::application_default::external_account::ExternalAccount;
use crate::google::application_default::quota_project::charged;
use crate::google::iam::impersonated::Impersonated;
use crate::google::iam::{IamIdToken, Impersonation};
use crate::google::token_endpoint::key_file::check_universe;
use crate::google::token_endpoint::{JwtBearer, LocalKey};
use crate::names::ServiceAccountEmail;
use crate::redact::{json_place, shown, word};
use crate::token::{ProvideAccessToken, ProvideIdToken};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Accounts that impersonate accounts that impersonate accounts: IAM itself allows a chain of four.
const MAX_NESTING: usize = 4;

#[derive(Deserialize)]
struct Head {
    r#type: Option<String>,
    service_account_impersonation_url: Option<String>,
    quota_project_id: Option<String>,
    universe_domain: Option<String>,
}

#[derive(Deserialize)]
struct ImpersonatedFile<'a> {
    service_account_impersonation_url: String,
    #[serde(default)]
    delegates: Vec<String>,
    #[serde(borrow)]
    source_credentials: &'a RawValue,
}

/// A source of ID tokens, and what to say of it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) source: Arc<dyn ProvideIdToken>,
    pub(crate) r#type: String,
    pub(crate) account: Option<String>,
}

/// Which identity of an `external_account` that names an account calls IAM: for the account's own ID token the federated
/// one, for another account the account itself.
#[derive(Clone, Copy, PartialEq)]
enum Identity {
    Bare,
    Own,
}

/// Who the file is and whom to act as, for messages and for the choice.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    pub(crate) name: &'a str,
    pub(crate) json: &'a [u8],
    pub(crate) impersonate: Option<&'a str>,
    /// In place of that of the file's own identity, not of what it acts by: so google-auth has it.
    pub(crate) quota_project: Option<&'a str>,
}

impl File<'_> {
    fn wrong(&self, message: impl Into<String>) -> BuildError {
        BuildError::new(self.name, message)
    }

    fn parse<T: DeserializeOwned>(&self, r#type: &str, json: &[u8]) -> Result<T, BuildError> {
        serde_json::from_slice(json).map_err(|error| {
            let place = json_place(&error);
            self.wrong(format!("is not the JSON of type {type:?} ({place})"))
        })
    }

    /// What the file makes of itself as a source of ID tokens.
    pub(crate) fn id_token_source(&self) -> Result<Found, BuildError> {
        let head = self.head("of a credentials file", self.json)?;
        let r#type = head.r#type.unwrap_or_default();
        let impersonate = |account: &str| -> Result<Found, BuildError> {
            let access = self.own_access_token_source(Identity::Own)?;
            Ok(Found {
                source: Arc::new(IamIdToken::new(account, access).include_email(true)),
                r#type: r#type.clone(),
                account: Some(account.to_owned()),
            })
        };
        match (r#type.as_str(), self.impersonate) {
            ("service_account", None) => {
                let key = LocalKey::named(self.name, self.json)?;
                let account = Some(key.email().to_string());
                Ok(Found { source: Arc::new(JwtBearer::new(key)), r#type, account })
            }
            ("impersonated_service_account", None) => {
                let file: ImpersonatedFile<'_> = serde_json::from_slice(self.json)
                    .map_err(|_| self.wrong("lacks service_account_impersonation_url or source_credentials"))?;
                let (account, endpoint) = self.impersonation_url(&file.service_account_impersonation_url)?;
                let access =
                    self.access_token_source(file.source_credentials.get().as_bytes(), MAX_NESTING, Identity::Own)?;
                let source = IamIdToken::new(account.as_str(), access)
                    .delegates(file.delegates)
                    .include_email(true)
                    .endpoint(endpoint);
                Ok(Found { source: Arc::new(source), r#type, account: Some(account.to_string()) })
            }
            ("external_account", None) => match head.service_account_impersonation_url {
                Some(url) => {
                    let (account, endpoint) = self.impersonation_url(&url)?;
                    let access = self.own_access_token_source(Identity::Bare)?;
                    let source = IamIdToken::new(account.as_str(), access)
                        .include_email(true)
                        .endpoint(endpoint);
                    Ok(Found { source: Arc::new(source), r#type, account: Some(account.to_string()) })
                }
                None => Err(self.wrong(
                    "is an external_account without service_account_impersonation_url: a federated identity \
                     has no Google ID token of its own; name the account to act as, with \
                     ApplicationDefault::new().impersonate(email) or `gcloud iam workload-identity-pools \
                     create-cred-config --service-account=…`",
                )),
            },
            ("authorized_user" | "external_account_authorized_user", None) => Err(self.wrong(format!(
                "is an {type}, a person's login: its ID token has gcloud's audience, not yours; name a \
                 service account to act as, with ApplicationDefault::new().impersonate(email) or `gcloud auth \
                 application-default login --impersonate-service-account=email`",
            ))),
            ("service_account" | "impersonated_service_account" | "external_account" | "authorized_user"
                | "external_account_authorized_user", Some(account)) => {
                account
                    .parse::<ServiceAccountEmail>()
                    .map_err(|error| error.of("ApplicationDefault::impersonate"))?;
                impersonate(account)
            }
            (other, _) => Err(self.unsupported(other)),
        }
    }

    fn unsupported(&self, r#type: &str) -> BuildError {
        self.wrong(match r#type {
            "" => "has no \"type\"; one that gcloud or Google's console wrote is expected".to_owned(),
            "gdch_service_account" => "is a gdch_service_account, of Google Distributed Cloud, whose tokens AWS \
                doesn't trust; a service_account key, an impersonated_service_account or the metadata server \
                works"
                .to_owned(),
            // Of a damaged file it may be a secret that stands there.
            other if word(other).is_none() => "has a type that is no word; service_account, \
                impersonated_service_account, external_account and authorized_user are known"
                .to_owned(),
            other => format!(
                "has the unknown type {}; service_account, impersonated_service_account, external_account and \
                 authorized_user are known",
                shown(other)
            ),
        })
    }

    fn own_access_token_source(
        &self,
        its: Identity,
    ) -> Result<Arc<dyn ProvideAccessToken>, BuildError> {
        let access = self.access_token_source(self.json, MAX_NESTING, its)?;
        Ok(charged(self.quota_project, access))
    }

    /// A caller of IAM.
    fn access_token_source(
        &self,
        json: &[u8],
        nesting: usize,
        its: Identity,
    ) -> Result<Arc<dyn ProvideAccessToken>, BuildError> {
        let Some(nesting) = nesting.checked_sub(1) else {
            return Err(self.wrong(format!("nests more than {MAX_NESTING} source_credentials")));
        };
        let head = self.head("of source_credentials", json)?;
        let access: Arc<dyn ProvideAccessToken> = match head.r#type.unwrap_or_default().as_str() {
            "service_account" => Arc::new(LocalKey::named(self.name, json)?),
            "authorized_user" => Arc::new(self.parse::<AuthorizedUser>("authorized_user", json)?),
            "external_account_authorized_user" => {
                let user: AuthorizedUser = self.parse("external_account_authorized_user", json)?;
                Arc::new(user.of_workforce())
            }
            "external_account" => {
                let federated = Arc::new(self.parse::<ExternalAccount>("external_account", json)?);
                match head.service_account_impersonation_url {
                    // Its own account is the caller, as with Google's libraries.
                    Some(url) if its == Identity::Own => {
                        let (account, endpoint) = self.impersonation_url(&url)?;
                        let mut impersonation = Impersonation::default();
                        impersonation.endpoint(endpoint);
                        Arc::new(Impersonated {
                            account,
                            access: federated,
                            impersonation,
                        })
                    }
                    _ => federated,
                }
            }
            "impersonated_service_account" => {
                let file: ImpersonatedFile<'_> = serde_json::from_slice(json).map_err(|_| {
                    self.wrong("lacks service_account_impersonation_url or source_credentials")
                })?;
                let (account, endpoint) =
                    self.impersonation_url(&file.service_account_impersonation_url)?;
                let mut impersonation = Impersonation::default();
                impersonation.delegates(file.delegates);
                impersonation.endpoint(endpoint);
                let access = self.access_token_source(
                    file.source_credentials.get().as_bytes(),
                    nesting,
                    Identity::Own,
                )?;
                Arc::new(Impersonated {
                    account,
                    access,
                    impersonation,
                })
            }
            other => return Err(self.unsupported(other)),
        };
        Ok(charged(head.quota_project_id.as_deref(), access))
    }

    fn head(&self, what: &str, json: &[u8]) -> Result<Head, BuildError> {
        let head: Head = self.parse(what, json)?;
        check_universe(head.universe_domain.as_deref()).map_err(|it| self.wrong(it))?;
        Ok(head)
    }

    /// `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/EMAIL:generateAccessToken`.
    fn impersonation_url(&self, url: &str) -> Result<(ServiceAccountEmail, String), BuildError> {
        let parsed =
            url.split_once("/v1/projects/-/serviceAccounts/")
                .and_then(|(origin, rest)| {
                    let account = rest.strip_suffix(":generateAccessToken")?.parse().ok()?;
                    Some((account, origin.to_owned()))
                });
        parsed.ok_or_else(|| {
            self.wrong(format!(
                "its service_account_impersonation_url, {}, is not https://iamcredentials.googleapis.com/v1/\
                 projects/-/serviceAccounts/EMAIL:generateAccessToken",
                shown(url)
            ))
        })
    }
}
