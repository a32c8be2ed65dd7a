//! Google's IAM Credentials API
//! ([reference](https://cloud.google.com/iam/docs/reference/credentials/rest)).

mod iam_id_token;
mod iam_sign_jwt;
pub(crate) mod impersonated;
mod refusal;

pub use iam_id_token::IamIdToken;
pub use iam_sign_jwt::IamSignJwt;

use crate::build_error::{BuildError, Problems};
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::metadata_server::MetadataServer;
use crate::names::ServiceAccountEmail;
use crate::token::{CLOUD_PLATFORM, ProvideAccessToken, future};
use crate::transport::{Body, Endpoint, Request, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::sync::Arc;

pub(crate) const DEFAULT_ENDPOINT: &str = "https://iamcredentials.googleapis.com";

/// Characters that would end the path segment of an account's name.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'/')
    .add(b'?')
    .add(b'#')
    .add(b'%')
    .add(b':')
    .add(b'+');

/// What every use of IAM shares: the account to act as, the caller's access tokens, the delegates
/// between the two, and the endpoint.
///
/// Text is parsed when it is set. What is wrong with it is kept for `check`, and for a call that is
/// made without one.
#[derive(Clone, Debug)]
pub(crate) struct IamClient {
    account: Account,
    access: Arc<dyn ProvideAccessToken>,
    delegates: Result<Vec<ServiceAccountEmail>, BuildError>,
    endpoint: Result<Endpoint, BuildError>,
}

#[derive(Clone, Debug)]
enum Account {
    Named(Result<ServiceAccountEmail, BuildError>),
    /// The metadata server knows its e-mail.
    Attached(MetadataServer),
}

impl IamClient {
    pub(crate) fn new(
        account: Result<ServiceAccountEmail, BuildError>,
        access: Arc<dyn ProvideAccessToken>,
    ) -> Self {
        Self::with(Account::Named(account), access)
    }

    fn attached(metadata: MetadataServer) -> Self {
        Self::with(Account::Attached(metadata.clone()), Arc::new(metadata))
    }

    fn with(account: Account, access: Arc<dyn ProvideAccessToken>) -> Self {
        Self {
            account,
            access,
            delegates: Ok(Vec::new()),
            endpoint: parse_endpoint(DEFAULT_ENDPOINT),
        }
    }

    /// Takes bare e-mails, unique ids and `projects/-/serviceAccounts/…`.
    fn set_delegates(&mut self, delegates: impl IntoIterator<Item = impl Into<String>>) {
        self.delegates = parse_delegates(delegates);
    }

    fn set_endpoint(&mut self, uri: impl Into<String>) {
        self.endpoint = parse_endpoint(&uri.into());
    }

    /// The same with delegates and an endpoint that were parsed elsewhere.
    pub(crate) fn through(
        self,
        delegates: Vec<ServiceAccountEmail>,
        endpoint: Option<Endpoint>,
    ) -> Self {
        Self {
            delegates: Ok(delegates),
            endpoint: endpoint.map_or(self.endpoint, Ok),
            ..self
        }
    }

    pub(crate) fn check(&self, cx: &Context) -> Result<(), BuildError> {
        let mut problems = Problems::default();
        if let Account::Named(Err(error)) = &self.account {
            problems.add(error.clone());
        }
        problems.take(self.access.check(cx));
        problems.take(self.endpoint.as_ref().map(drop).map_err(Clone::clone));
        problems.take(self.delegates.as_ref().map(drop).map_err(Clone::clone));
        problems.finish()
    }

    /// The account to act as.
    pub(crate) fn account<'a>(&'a self, cx: &'a Context) -> future::Issuer<'a> {
        match &self.account {
            Account::Named(email) => future::Issuer::ready(set(email).cloned()),
            Account::Attached(metadata) => future::Issuer::new(metadata.email(cx)),
        }
    }

    /// The endpoint and the delegates, as one text; `None` when one of them is wrong.
    pub(crate) fn way(&self) -> Option<String> {
        let (endpoint, delegates) = (self.endpoint.as_ref().ok()?, self.delegates.as_ref().ok()?);
        Some(format!("{} {delegates:?}", endpoint.origin()))
    }

    /// Calls `method` of `account` with this JSON object.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        cx: &Context,
        account: &ServiceAccountEmail,
        method: &'static str,
        mut body: Value,
    ) -> Result<(T, Response), Error> {
        let endpoint = set(&self.endpoint)?;
        let delegates = set(&self.delegates)?;
        if !delegates.is_empty() {
            let names = delegates.iter().map(|it| format!("{ACCOUNTS}{it}"));
            body["delegates"] = names.collect();
        }
        let token = self.access.provide_access_token(cx, CLOUD_PLATFORM).await?;
        let mut request = Request::post(Stage::Iam, method, endpoint, Body::json(&body))
            .path(format!(
                "/v1/{ACCOUNTS}{}:{method}",
                utf8_percent_encode(account.as_str(), SEGMENT)
            ))
            .bearer(token.for_header()?);
        if let Some(project) = token.quota_project() {
            request = request.header("x-goog-user-project", project);
        }
        let mut response = cx.transport().send(request).await?;
        response.blank_out(token.expose());
        read(response, account, method)
    }
}

/// The resource name of an account begins so; the project is always `-`.
pub(crate) const ACCOUNTS: &str = "projects/-/serviceAccounts/";

pub(crate) fn parse_endpoint(uri: &str) -> Result<Endpoint, BuildError> {
    Endpoint::secure("endpoint", uri)
}

pub(crate) fn parse_delegates(
    delegates: impl IntoIterator<Item = impl Into<String>>,
) -> Result<Vec<ServiceAccountEmail>, BuildError> {
    let parse = |delegate: String| {
        let account = delegate.strip_prefix(ACCOUNTS).unwrap_or(&delegate);
        account
            .parse()
            .map_err(|error: BuildError| error.of("delegates"))
    };
    delegates.into_iter().map(|it| parse(it.into())).collect()
}

/// A setting, or what was wrong with it when it was set.
fn set<T>(setting: &Result<T, BuildError>) -> Result<&T, Error> {
    setting
        .as_ref()
        .map_err(|error| Error::new(Stage::Iam, ErrorKind::Configuration, error.clone()))
}

/// Reads an answer, whatever its status.
pub(crate) fn read<T: DeserializeOwned>(
    response: Response,
    account: &ServiceAccountEmail,
    method: &str,
) -> Result<(T, Response), Error> {
    if !response.is_success() {
        return Err(refusal::error(&response, account, method));
    }
    match serde_json::from_slice(response.body()) {
        Ok(answer) => Ok((answer, response)),
        Err(_) => Err(Error::from_message(
            Stage::Iam,
            ErrorKind::MalformedResponse,
            format!(
                "{method}: the answer isn't the JSON that was expected: {}",
                response.describe()
            ),
        )),
    }
}
