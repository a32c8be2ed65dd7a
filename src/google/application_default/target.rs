//! The account to impersonate: which, through which delegates, at which endpoint.

use crate::build_error::BuildError;
use crate::error::Stage;
use crate::google::iam::{ACCOUNTS, DEFAULT_ENDPOINT, IamClient, parse_delegates, parse_endpoint};
use crate::names::ServiceAccountEmail;
use crate::redact::{secret_kind, shown};
use crate::server::Server;
use crate::token::ProvideAccessToken;
use crate::transport::Endpoint;
use std::sync::Arc;

/// An account to impersonate, parsed.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    account: ServiceAccountEmail,
    delegates: Vec<ServiceAccountEmail>,
    /// `None` is Google's own.
    endpoint: Option<Endpoint>,
}

impl Target {
    /// Parses a file's `service_account_impersonation_url`,
    /// `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/EMAIL:generateAccessToken`.
    ///
    /// # Errors
    /// A problem without the file's name.
    pub(crate) fn parse_url(url: &str, delegates: &[String]) -> Result<Self, String> {
        let parts = url
            .split_once("/v1/")
            .and_then(|(origin, rest)| Some((origin, rest.strip_prefix(ACCOUNTS)?)))
            .and_then(|(origin, rest)| {
                let account = rest.strip_suffix(":generateAccessToken")?;
                Some((origin, account.parse().ok()?))
            });
        let (origin, account) = parts.ok_or_else(|| {
            format!(
                "its service_account_impersonation_url, {}, is not https://iamcredentials.googleapis.com\
                 /v1/projects/-/serviceAccounts/EMAIL:generateAccessToken",
                shown(url)
            )
        })?;
        let endpoint = parse_endpoint(origin)
            .map_err(|error| format!("its service_account_impersonation_url: {error}"))?;
        let delegates = parse_delegates(delegates).map_err(|error| format!("its {error}"))?;
        Ok(Self {
            account,
            delegates,
            endpoint: Some(endpoint),
        })
    }

    /// Parses an account as gcloud takes it: an e-mail, or several with commas between them, the
    /// last of which is impersonated through the others.
    pub(crate) fn parse_chain(setting: &str, text: &str) -> Result<Self, BuildError> {
        if let Some(kind) = secret_kind(text) {
            let what = format!("is {kind} (not shown); the e-mail of an account is expected");
            return Err(BuildError::new(setting, what));
        }
        let (delegates, account) = match text.rsplit_once(',') {
            Some((delegates, account)) => (delegates.split(',').map(str::trim).collect(), account),
            None => (Vec::new(), text),
        };
        let account = account.trim().parse();
        Ok(Self {
            account: account.map_err(|error: BuildError| error.of(setting))?,
            delegates: parse_delegates(delegates).map_err(|error| error.of(setting))?,
            endpoint: None,
        })
    }

    pub(crate) fn at(self, endpoint: Option<Endpoint>) -> Self {
        Self { endpoint, ..self }
    }

    pub(crate) fn account(&self) -> &ServiceAccountEmail {
        &self.account
    }

    /// Where IAM is called.
    pub(crate) fn server(&self) -> Result<Server, BuildError> {
        match &self.endpoint {
            Some(endpoint) => Ok(Server::of(Stage::Iam, endpoint)),
            None => Server::new(Stage::Iam, DEFAULT_ENDPOINT),
        }
    }

    /// Calls IAM for this account, with the caller's access tokens.
    pub(crate) fn client(&self, caller: Arc<dyn ProvideAccessToken>) -> IamClient {
        IamClient::new(Ok(self.account.clone()), caller)
            .through(self.delegates.clone(), self.endpoint.clone())
    }
}
