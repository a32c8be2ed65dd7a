//! Google's token endpoint: an assertion for an ID token or an access token
//! ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)).

use crate::http::{self, Endpoint, Request, Response};
use crate::names::said;
use crate::{Context, Error, ErrorKind, SignedJwt, Stage};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// The endpoint, unless the key names another.
pub(crate) const DEFAULT: &str = "https://oauth2.googleapis.com/token";

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Exchanges the assertion. `issuer` is for the message of an error.
pub(crate) async fn exchange<T: DeserializeOwned>(
    cx: &Context,
    endpoint: &Endpoint,
    issuer: &str,
    assertion: &SignedJwt,
) -> Result<(T, Response), Error> {
    let form = [
        ("grant_type", GRANT_TYPE),
        ("assertion", assertion.expose()),
    ];
    post(cx, endpoint, issuer, &form).await
}

/// Posts a form and reads the JSON of the answer. `who` is for the message of an error.
pub(crate) async fn post<T: DeserializeOwned>(
    cx: &Context,
    endpoint: &Endpoint,
    who: &str,
    form: &[(&str, &str)],
) -> Result<(T, Response), Error> {
    let response = http::send(
        cx,
        Request {
            stage: Stage::Exchange,
            operation: "token",
            endpoint: endpoint.clone(),
            path: String::new(),
            headers: vec![],
            body: Some(("application/x-www-form-urlencoded", encode(form))),
            direct: false,
        },
    )
    .await?;
    read(response, who, endpoint)
}

/// Reads an answer, whatever its status.
pub(crate) fn read<T: DeserializeOwned>(
    response: Response,
    who: &str,
    endpoint: &Endpoint,
) -> Result<(T, Response), Error> {
    if !response.is_success() {
        return Err(refusal(&response, who, endpoint));
    }
    match serde_json::from_slice(response.body()) {
        Ok(answer) => Ok((answer, response)),
        Err(_) => Err(Error::message(
            Stage::Exchange,
            ErrorKind::MalformedResponse,
            format!(
                "the answer isn't the JSON that was expected: {}",
                response.describe()
            ),
        )
        .with_hint(format!("is {} Google's token endpoint?", endpoint.origin()))),
    }
}

fn encode(form: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let length = form
        .iter()
        .map(|(name, value)| name.len() + 3 * value.len() + 2)
        .sum();
    // Never moved while it grows, so that no copy stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    for (name, value) in form {
        if !bytes.is_empty() {
            bytes.push(b'&');
        }
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        for part in utf8_percent_encode(value, NON_ALPHANUMERIC) {
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    bytes
}

/// `{"error": …, "error_description": …}`
/// ([RFC 6749, 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

fn refusal(response: &Response, who: &str, endpoint: &Endpoint) -> Error {
    let Ok(Refusal {
        error: code,
        error_description: description,
    }) = serde_json::from_slice(response.body())
    else {
        return Error::message(Stage::Exchange, response.error_kind(), response.describe())
            .with_hint(format!("answered by {}", endpoint.origin()));
    };
    let transient = [
        "internal_failure",
        "server_error",
        "temporarily_unavailable",
    ];
    let kind = match response.error_kind() {
        ErrorKind::Configuration if transient.contains(&code.as_str()) => ErrorKind::Unavailable,
        kind => kind,
    };
    let error = Error::message(
        Stage::Exchange,
        kind,
        format!(
            "HTTP {} {}: {} (account {who})",
            response.status,
            said(&code),
            said(&description)
        ),
    )
    .with_code(Some(&code), None);
    match hint(&code, &description, response) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

fn hint(code: &str, description: &str, response: &Response) -> Option<String> {
    let timeframe = description.contains("timeframe") || description.contains("iat");
    match code {
        "invalid_grant" if timeframe => Some(match response.received.skew() {
            Some(skew) => format!("{skew}: set it right"),
            None => "the assertion's time is refused although this machine's clock agrees with the server's".to_owned(),
        }),
        "invalid_grant" if description.contains("Signature") => Some(
            "the key was deleted or belongs to another account: compare private_key_id with \
             `gcloud iam service-accounts keys list --iam-account=…`"
                .to_owned(),
        ),
        "invalid_grant" if description.contains("account not found") => {
            Some("the service account was deleted or its e-mail is misspelt".to_owned())
        }
        "invalid_grant" => match response.received.skew() {
            Some(skew) => Some(format!("{skew}: set it right")),
            None => Some("the account, the key and this machine's clock are what it can be".to_owned()),
        },
        _ => None,
    }
}
