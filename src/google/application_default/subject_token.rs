//! The subject token of an `external_account`: another identity provider's token, in a file or at a
//! URL.

use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::file::{self, json, text};
use crate::redact::{Secret, SecretText, ShownPath, bare, shown};
use crate::server::Server;
use crate::transport::{Endpoint, Request};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;

/// `credential_source`
#[derive(Default, Deserialize)]
pub(super) struct Fields {
    #[serde(default, deserialize_with = "json::text")]
    file: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    url: Option<String>,
    #[serde(default, deserialize_with = "json::null_is_default")]
    headers: BTreeMap<String, SecretText>,
    #[serde(default, deserialize_with = "json::null_is_default")]
    format: FormatFields,
    executable: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "json::text")]
    environment_id: Option<String>,
    certificate: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct FormatFields {
    #[serde(default, deserialize_with = "json::text")]
    r#type: Option<String>,
    #[serde(default, deserialize_with = "json::text")]
    subject_token_field_name: Option<String>,
}

/// Where the subject token is and in which form, parsed.
#[derive(Debug)]
pub(super) struct SubjectToken {
    place: Place,
    format: Format,
}

enum Place {
    File(ShownPath),
    Url {
        endpoint: Endpoint,
        query: String,
        headers: Vec<(String, Secret)>,
    },
}

#[derive(Debug)]
enum Format {
    Text,
    /// A field of a JSON object.
    Json(String),
}

impl SubjectToken {
    /// # Errors
    /// A problem without the file's name, such as "its credential_source needs either a file or a
    /// url".
    pub(super) fn parse(fields: Fields) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("its credential_source {what}"));
        if fields.environment_id.is_some() {
            return wrong(
                "is AWS's: this program has AWS credentials already; use those, or the SDK's \
                 AssumeRole, or unset GOOGLE_APPLICATION_CREDENTIALS",
            );
        }
        if fields.executable.is_some() || fields.certificate.is_some() {
            return wrong(
                "is an executable or a certificate, which this crate doesn't run; a file or a url is \
                 expected, or a ProvideAccessToken of your own with IamIdToken",
            );
        }
        let place = match (fields.file, fields.url) {
            (Some(path), None) => {
                let path = ShownPath::new(path);
                if let Some(kind) = path.secret_kind() {
                    return Err(format!(
                        "its credential_source.file is {kind} (not shown), and a path is expected"
                    ));
                }
                Place::File(path)
            }
            (None, Some(url)) => {
                let (base, query) = match url.split_once('?') {
                    Some((base, query)) => (base, query.to_owned()),
                    None => (url.as_str(), String::new()),
                };
                // Other clouds' metadata servers speak http, on link-local addresses.
                let endpoint = Endpoint::local_or_secure("credential_source.url", base)
                    .map_err(|error| format!("its {error}"))?;
                let headers = fields.headers.into_iter().map(header);
                Place::Url {
                    endpoint,
                    query,
                    headers: headers.collect::<Result<_, _>>()?,
                }
            }
            _ => return wrong("needs either a file or a url"),
        };
        let format = match fields.format.r#type.as_deref() {
            None | Some("text") => Format::Text,
            Some("json") => Format::Json(
                fields
                    .format
                    .subject_token_field_name
                    .unwrap_or_else(|| "access_token".to_owned()),
            ),
            Some(other) => {
                return wrong(&format!(
                    "has the unknown format {}; text and json are known",
                    shown(other)
                ));
            }
        };
        Ok(Self { place, format })
    }

    pub(super) fn server(&self) -> Option<Server> {
        match &self.place {
            Place::File(_) => None,
            Place::Url { endpoint, .. } => Some(Server::of(Stage::Source, endpoint)),
        }
    }

    /// Reads the token. It is read for each exchange: another program keeps it fresh.
    pub(super) async fn read(&self, cx: &Context) -> Result<Secret, Error> {
        match &self.place {
            Place::File(path) => {
                let name = format!("file {path}");
                let unreadable = |error: io::Error| {
                    let kind = file::error_kind(&error);
                    let hint = format!("the subject token's {name} {}", file::explain(&error));
                    Error::new(Stage::Source, kind, error).with_hint(hint)
                };
                let to_read = path.clone();
                let bytes = file::off_runtime(move || file::read(to_read.as_path())).await;
                let bytes = bytes.and_then(|read| read).map_err(unreadable)?;
                self.extract_from(&name, &bytes)
            }
            Place::Url {
                endpoint,
                query,
                headers,
            } => {
                let mut request =
                    Request::get(Stage::Source, "subject token", endpoint).query(query);
                if endpoint.is_link_local() {
                    request = request.direct();
                }
                for (name, value) in headers {
                    request = request.header(name.clone(), value.expose());
                }
                let response = cx.transport().send(request).await?;
                if !response.is_success() {
                    let what = format!("the subject token's url: {}", response.describe());
                    return Err(response.refusal(Stage::Source, what));
                }
                let name = format!("url {}", shown(&bare(&format!("{endpoint:?}"))));
                self.extract_from(&name, response.body())
            }
        }
    }

    fn extract_from(&self, name: &str, bytes: &[u8]) -> Result<Secret, Error> {
        self.extract(bytes).map_err(|what| {
            let message = format!("the subject token's {name} {what}");
            Error::from_message(Stage::Source, ErrorKind::MalformedResponse, message)
        })
    }

    /// Takes the whole text, or a field of its JSON.
    pub(super) fn extract(&self, bytes: &[u8]) -> Result<Secret, String> {
        let odd = |otherwise: &str| match text::odd_encoding(bytes) {
            Some(encoding) => encoding.to_owned(),
            None => otherwise.to_owned(),
        };
        // ASCII in UTF-16 is valid UTF-8 with zeros in it.
        if text::is_utf16(bytes) {
            return Err(odd("isn't text"));
        }
        let content = std::str::from_utf8(bytes).map_err(|_| odd("isn't text"))?;
        let content = text::trim(content);
        let token = match &self.format {
            Format::Text => content.to_owned(),
            Format::Json(_) if content.is_empty() => String::new(),
            Format::Json(field) => {
                // The other fields stay text: a `Value` would hold a copy of the token.
                let object: HashMap<String, &RawValue> =
                    serde_json::from_str(content).map_err(|_| odd("isn't JSON"))?;
                let value = object.get(field);
                let token = value.and_then(|it| serde_json::from_str::<SecretText>(it.get()).ok());
                return match token {
                    Some(SecretText(token)) if token.expose().is_empty() => {
                        Err("is empty".to_owned())
                    }
                    Some(SecretText(token)) => Ok(token),
                    None => Err(format!("has no string in the field {}", shown(field))),
                };
            }
        };
        match token.is_empty() {
            true => Err("is empty".to_owned()),
            false => Ok(Secret::new(token)),
        }
    }
}

/// A header with its value trimmed. Neither is shown when it is refused, except for a valid name.
fn header((name, value): (String, SecretText)) -> Result<(String, Secret), String> {
    let name = name.trim().to_owned();
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err("its credential_source.headers contains an invalid header name".to_owned());
    }
    let value = Secret::new(value.0.expose().trim());
    if HeaderValue::from_str(value.expose()).is_err() {
        return Err(format!(
            "the value of {name} in its credential_source.headers contains a control character, \
             which HTTP headers do not allow"
        ));
    }
    Ok((name, value))
}

impl fmt::Debug for Place {
    /// Leaves out the values of headers and the query, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Url {
                endpoint, headers, ..
            } => {
                let names: Vec<_> = headers.iter().map(|(name, _)| name).collect();
                f.debug_struct("Url")
                    .field("endpoint", endpoint)
                    .field("headers", &names)
                    .finish_non_exhaustive()
            }
        }
    }
}
