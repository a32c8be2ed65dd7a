//! Google's IAM Credentials API
//! ([reference](https://cloud.google.com/iam/docs/reference/credentials/rest)).

mod iam_id_token;
mod iam_sign_jwt;
pub(crate) mod impersonated;

pub use iam_id_token::IamIdToken;
pub use iam_sign_jwt::IamSignJwt;

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::names::ServiceAccountEmail;
use crate::redact::said;
use crate::token::{CLOUD_PLATFORM, ProvideAccessToken};
use crate::transport::{Body, Endpoint, Request, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

const DEFAULT_ENDPOINT: &str = "https://iamcredentials.googleapis.com";

/// What in an account's name would end the path segment.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'/')
    .add(b'?')
    .add(b'#')
    .add(b'%')
    .add(b':')
    .add(b'+');

/// Which account to act as, through whom, and where: what signJwt and generateIdToken share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Impersonation {
    delegates: Vec<String>,
    endpoint: Option<String>,
}

impl Impersonation {
    pub(crate) fn delegates(&mut self, delegates: impl IntoIterator<Item = impl Into<String>>) {
        self.delegates = delegates.into_iter().map(Into::into).collect();
    }

    pub(crate) fn endpoint(&mut self, endpoint: impl Into<String>) {
        self.endpoint = Some(endpoint.into());
    }

    pub(crate) fn check(&self) -> Result<(), BuildError> {
        let mut problems = crate::build_error::Problems::default();
        problems.take(self.parsed_endpoint());
        problems.take(self.delegate_names());
        problems.finish()
    }

    fn parsed_endpoint(&self) -> Result<Endpoint, BuildError> {
        Endpoint::secure(
            "endpoint",
            self.endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT),
        )
    }

    /// Bare e-mails become resource names, as the API wants them.
    fn delegate_names(&self) -> Result<Vec<Value>, BuildError> {
        self.delegates
            .iter()
            .map(|delegate| {
                let account = delegate
                    .strip_prefix("projects/-/serviceAccounts/")
                    .unwrap_or(delegate);
                let account: ServiceAccountEmail = account
                    .parse()
                    .map_err(|error: BuildError| error.of("delegates"))?;
                Ok(format!("projects/-/serviceAccounts/{account}").into())
            })
            .collect()
    }

    /// Calls `method` of `account`.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        cx: &Context,
        access: &dyn ProvideAccessToken,
        account: &ServiceAccountEmail,
        method: &'static str,
        mut body: Map<String, Value>,
    ) -> Result<(T, Response), Error> {
        let endpoint = self.parsed_endpoint().map_err(configuration)?;
        let delegates = self.delegate_names().map_err(configuration)?;
        if !delegates.is_empty() {
            body.insert("delegates".to_owned(), delegates.into());
        }
        let token = access.provide_access_token(cx, CLOUD_PLATFORM).await?;
        let mut request = Request::post(Stage::Iam, method, &endpoint, Body::json(body))
            .path(format!(
                "/v1/projects/-/serviceAccounts/{}:{method}",
                utf8_percent_encode(account.as_str(), SEGMENT)
            ))
            .bearer(token.expose());
        if let Some(project) = token.quota_project() {
            request = request.header("x-goog-user-project", project);
        }
        let mut response = cx.transport().send(request).await?;
        response.blank_out(token.expose());
        read(response, account, method)
    }
}

/// Reads an answer, whatever its status.
pub(crate) fn read<T: DeserializeOwned>(
    response: Response,
    account: &ServiceAccountEmail,
    method: &str,
) -> Result<(T, Response), Error> {
    if !response.is_success() {
        return Err(refusal(&response, account, method));
    }
    match serde_json::from_slice(response.body()) {
        Ok(answer) => Ok((answer, response)),
        Err(_) => Err(Error::message(
            Stage::Iam,
            ErrorKind::MalformedResponse,
            format!(
                "{method}: the answer isn't the JSON that was expected: {}",
                response.describe()
            ),
        )),
    }
}

fn configuration(error: BuildError) -> Error {
    Error::new(Stage::Iam, ErrorKind::Configuration, error)
}

/// `{"error": {"code", "message", "status"}}`
/// ([errors of Google's APIs](https://cloud.google.com/apis/design/errors#http_mapping)).
#[derive(Deserialize)]
struct Refusal {
    error: Status,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
}

fn refusal(response: &Response, account: &ServiceAccountEmail, method: &str) -> Error {
    let (what, code) = match serde_json::from_slice(response.body()) {
        Ok(Refusal {
            error: Status { message, status },
        }) => (
            format!(
                "{method} as {account}: HTTP {} {}: {}",
                response.status,
                said(&status),
                said(&message)
            ),
            Some(status),
        ),
        Err(_) => (
            format!("{method} as {account}: {}", response.describe()),
            None,
        ),
    };
    let role = match method {
        "generateIdToken" => "roles/iam.serviceAccountOpenIdTokenCreator",
        _ => "roles/iam.serviceAccountTokenCreator",
    };
    let error = response
        .refusal(Stage::Iam, what)
        .with_code(code.as_deref(), None);
    match response.status {
        403 => error.with_hint(format!(
            "the caller needs {role} on {account}, also when it is that account itself, and delegates \
             roles/iam.serviceAccountTokenCreator on the next; the API iamcredentials.googleapis.com must be enabled, \
             and a virtual machine have the scope cloud-platform"
        )),
        401 => error.with_hint("the access token was refused: is it one of Google's, with the scope cloud-platform?"),
        404 => error.with_hint(format!("is there an account {account}?")),
        // An assertion's times are what is most often wrong with it.
        400 => match response.received.skew() {
            Some(skew) if method == "signJwt" => error.with_hint(format!("{skew}: set it right")),
            _ => error,
        },
        _ => error,
    }
}
