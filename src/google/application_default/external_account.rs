//! Workload identity federation: a token of another cloud or identity provider, exchanged at
//! Google's STS ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693#section-2.1),
//! [configuration](https://google.aip.dev/auth/4117)).

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::google::token_endpoint;
use crate::google::token_endpoint::{Client, Grant};
use crate::redact::{Secret, SecretText, bare, shown};
use crate::token::{AccessToken, ProvideAccessToken, TokenAnswer, future};
use crate::transport::{Endpoint, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// All but the unreserved characters ([RFC 3986, 2.3](https://www.rfc-editor.org/rfc/rfc3986#section-2.3)).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The fields of an `external_account` file.
#[derive(Deserialize)]
pub(crate) struct ExternalAccount {
    audience: String,
    subject_token_type: String,
    #[serde(default = "default_token_url")]
    token_url: String,
    credential_source: CredentialSource,
    client_id: Option<String>,
    client_secret: Option<SecretText>,
    /// Which project a person's calls count against, as the client's is not known.
    workforce_pool_user_project: Option<String>,
}

fn default_token_url() -> String {
    "https://sts.googleapis.com/v1/token".to_owned()
}

impl fmt::Debug for ExternalAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalAccount")
            .field("audience", &self.audience)
            .field("subject_token_type", &self.subject_token_type)
            .field("token_url", &self.token_url)
            .field("credential_source", &self.credential_source)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct CredentialSource {
    file: Option<PathBuf>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, SecretText>,
    #[serde(default)]
    format: Format,
    executable: Option<Value>,
    environment_id: Option<String>,
    certificate: Option<Value>,
}

impl fmt::Debug for CredentialSource {
    /// Without what the headers and the URL's query hold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.url.as_deref();
        f.debug_struct("CredentialSource")
            .field("file", &self.file)
            .field("url", &url.map(bare))
            .field("headers", &self.headers.keys())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default, Deserialize)]
struct Format {
    r#type: Option<String>,
    subject_token_field_name: Option<String>,
}

/// Where the subject token is.
enum Subject<'a> {
    File(&'a Path),
    Url(&'a str),
}

impl ExternalAccount {
    /// Where the subject token is, and where it is exchanged.
    fn validate(&self) -> Result<(Subject<'_>, Endpoint), BuildError> {
        let wrong = |what: &str| BuildError::new("credential_source", what);
        let source = &self.credential_source;
        if source.environment_id.is_some() {
            return Err(wrong(
                "is AWS: this program has AWS credentials already; use those, or the SDK's AssumeRole",
            ));
        }
        if source.executable.is_some() || source.certificate.is_some() {
            return Err(wrong(
                "is an executable or a certificate, which this crate doesn't run; a file or a url is \
                 expected, or a ProvideAccessToken of your own with IamIdToken",
            ));
        }
        let subject = match (&source.file, &source.url) {
            (Some(path), None) => Subject::File(path),
            (None, Some(url)) => {
                subject_url(url)?;
                Subject::Url(url)
            }
            _ => return Err(wrong("needs either a file or a url")),
        };
        // A project's own pools are `//iam.googleapis.com/projects/…/workloadIdentityPools/…`.
        if self.workforce_pool_user_project.is_some() && !self.audience.contains("/workforcePools/")
        {
            return Err(BuildError::new(
                "workforce_pool_user_project",
                format!(
                    "is for workforce pools, and the audience {} is none",
                    shown(&self.audience)
                ),
            ));
        }
        Ok((subject, Endpoint::secure("token_url", &self.token_url)?))
    }

    async fn subject_token(&self, cx: &Context, subject: Subject<'_>) -> Result<Secret, Error> {
        let (name, bytes) = match subject {
            Subject::File(path) => {
                let name = format!("file {}", path.display());
                let unreadable = |error| {
                    Error::new(Stage::Source, ErrorKind::Unavailable, error)
                        .with_hint(format!("the subject token's {name} can't be read"))
                };
                let path = path.to_owned();
                let bytes = tokio::task::spawn_blocking(move || crate::file::read(&path))
                    .await
                    .unwrap_or_else(|error| Err(error.into()))
                    .map_err(unreadable)?;
                (name, bytes)
            }
            Subject::Url(url) => {
                let headers = &self.credential_source.headers;
                let response = cx.transport().send(subject_request(url, headers)?).await?;
                if !response.is_success() {
                    return Err(response.refusal(
                        Stage::Source,
                        format!("the subject token's url: {}", response.describe()),
                    ));
                }
                (
                    format!("url {}", shown(&bare(url))),
                    Zeroizing::new(response.body().to_vec()),
                )
            }
        };
        self.extract(&bytes)
            .map_err(|what| malformed(format!("the subject token's {name} {what}")))
    }

    /// The whole text, or a field of its JSON.
    pub(crate) fn extract(&self, bytes: &[u8]) -> Result<Secret, String> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| "isn't text".to_owned())?
            .trim();
        let format = &self.credential_source.format;
        let token = match format.r#type.as_deref() {
            None | Some("text") => text.to_owned(),
            Some("json") => {
                let field = format
                    .subject_token_field_name
                    .as_deref()
                    .unwrap_or("access_token");
                let object: Value =
                    serde_json::from_str(text).map_err(|_| "isn't JSON".to_owned())?;
                object
                    .get(field)
                    .and_then(Value::as_str)
                    .ok_or_else(|| format!("has no text in its field {}", shown(field)))?
                    .to_owned()
            }
            Some(other) => return Err(format!("has the unknown format {}", shown(other))),
        };
        if token.is_empty() {
            Err("is empty".to_owned())
        } else {
            Ok(Secret::new(token))
        }
    }

    /// Google's STS reads JSON that is encoded before the form is
    /// ([options](https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token#request-body)).
    fn options(&self) -> Option<String> {
        let project = self.workforce_pool_user_project.as_deref()?;
        let options = serde_json::json!({"userProject": project}).to_string();
        Some(utf8_percent_encode(&options, RESERVED).to_string())
    }

    async fn token(&self, cx: &Context, scope: &str) -> Result<AccessToken, Error> {
        let (subject, endpoint) = self
            .validate()
            .map_err(|error| Error::new(Stage::Source, ErrorKind::Configuration, error))?;
        let subject = self.subject_token(cx, subject).await?;
        let mut form = vec![
            ("grant_type", GRANT_TYPE),
            ("audience", &self.audience),
            ("scope", scope),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token", subject.expose()),
            ("subject_token_type", &self.subject_token_type),
        ];
        let client = self.client_id.as_deref().map(|id| Client {
            id,
            secret: self.client_secret.as_ref().map_or("", |it| it.0.expose()),
        });
        let who = (Grant::SubjectToken, self.audience.as_str());
        let options = self.options();
        if let Some(options) = options.as_deref().filter(|_| client.is_none()) {
            form.push(("options", options));
        }
        let (answer, response): (TokenAnswer, _) =
            token_endpoint::post(cx, &endpoint, who, client, &form).await?;
        Ok(answer.into_token(response.received.at))
    }
}

fn malformed(message: String) -> Error {
    Error::message(Stage::Source, ErrorKind::MalformedResponse, message)
}

/// Other clouds' metadata servers are asked over http, on link-local addresses.
fn subject_url(url: &str) -> Result<(Endpoint, String), BuildError> {
    let (base, query) = match url.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (url, String::new()),
    };
    Ok((
        Endpoint::local_or_secure("credential_source.url", base)?,
        query,
    ))
}

fn subject_request(url: &str, headers: &BTreeMap<String, SecretText>) -> Result<Request, Error> {
    let (endpoint, path) = subject_url(url)
        .map_err(|error| Error::new(Stage::Source, ErrorKind::Configuration, error))?;
    let mut request = Request::get(Stage::Source, "subject token", &endpoint).path(path);
    if endpoint.is_link_local() {
        request = request.direct();
    }
    for (name, value) in headers {
        request = request.header(name.clone(), value.0.expose());
    }
    Ok(request)
}

impl ProvideAccessToken for ExternalAccount {
    fn provide_access_token<'a>(
        &'a self,
        cx: &'a Context,
        scope: &'a str,
    ) -> future::ProvideAccessToken<'a> {
        future::ProvideAccessToken::new(self.token(cx, scope))
    }

    fn check(&self, _: &Context) -> Result<(), BuildError> {
        self.validate().map(drop)
    }
}
