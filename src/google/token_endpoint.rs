//! Google's token endpoint: an assertion for an ID token or an access token
//! ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)).

mod jwt_bearer;
pub(crate) mod key_file;
mod local_key;

pub use jwt_bearer::JwtBearer;
pub use local_key::LocalKey;

use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::redact::said;
use crate::token::{Asking, Assertion, SignJwt};
use crate::transport::{Body, Endpoint, Request, Response, Skew};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// The endpoint, unless the key names another.
pub(crate) const DEFAULT: &str = "https://oauth2.googleapis.com/token";

/// What a refusal must not repeat into our messages.
const SECRET_FIELDS: [&str; 4] = [
    "assertion",
    "refresh_token",
    "client_secret",
    "subject_token",
];

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A clock that is further off than this is not corrected for: the answer's `Date` may be what is wrong.
const MOST_SKEW: Duration = Duration::from_secs(24 * 3600);

/// Has the assertion signed and exchanges it. When the endpoint refuses its time and says what time it is, it is
/// made and signed once more for that time. `Endpoint` is https here, or on loopback, so that the time can be
/// believed. It is not remembered: the clock may be set right at any moment.
pub(crate) async fn exchange<T: DeserializeOwned>(
    cx: &Context,
    endpoint: &Endpoint,
    signer: &dyn SignJwt,
    (audience, asking): (&str, Asking<'_>),
) -> Result<(T, Response), Error> {
    let issuer = signer.issuer(cx).await?;
    let call = async |time: SystemTime| {
        let assertion = Assertion::new(issuer.clone(), audience, asking, time);
        let signed = signer.sign_jwt(cx, &assertion).await?;
        let form = [("grant_type", GRANT_TYPE), ("assertion", signed.expose())];
        send(cx, endpoint, None, &form).await
    };
    let mut response = call(cx.now()).await?;
    if let Some((time, skew)) = servers_time(&response) {
        tracing::warn!("{skew}: set it right; signing the assertion again for the server's time");
        response = call(time).await?;
    }
    read(response, (Grant::Assertion, issuer.as_str()), endpoint)
}

/// What is exchanged: it says what can be wrong.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Grant {
    Assertion,
    RefreshToken,
    SubjectToken,
}

/// An OAuth client that proves itself in a header
/// ([RFC 6749, 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
}

impl Client<'_> {
    /// Not encoded before, which the RFC wants and Google's libraries don't do: Google's ids and secrets need none.
    fn basic(self) -> Zeroizing<String> {
        let Self { id, secret } = self;
        let pair = Zeroizing::new(format!("{id}:{secret}"));
        Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
    }
}

/// Posts a form and reads the JSON of the answer. Grant and name are for the message of an error.
pub(crate) async fn post<T: DeserializeOwned>(
    cx: &Context,
    endpoint: &Endpoint,
    who: (Grant, &str),
    client: Option<Client<'_>>,
    form: &[(&str, &str)],
) -> Result<(T, Response), Error> {
    read(send(cx, endpoint, client, form).await?, who, endpoint)
}

async fn send(
    cx: &Context,
    endpoint: &Endpoint,
    client: Option<Client<'_>>,
    form: &[(&str, &str)],
) -> Result<Response, Error> {
    let mut request = Request::post(Stage::TokenEndpoint, "token", endpoint, Body::form(form));
    if let Some(client) = client {
        request = request.header("authorization", &client.basic());
    }
    let mut response = cx.transport().send(request).await?;
    for (name, value) in form {
        if SECRET_FIELDS.contains(name) {
            response.blank_out(value);
        }
    }
    if let Some(client) = client {
        response.blank_out(client.secret);
    }
    Ok(response)
}

/// Reads an answer, whatever its status.
pub(crate) fn read<T: DeserializeOwned>(
    response: Response,
    who: (Grant, &str),
    endpoint: &Endpoint,
) -> Result<(T, Response), Error> {
    if !response.is_success() {
        return Err(refusal(&response, who));
    }
    match serde_json::from_slice(response.body()) {
        Ok(answer) => Ok((answer, response)),
        Err(_) => Err(Error::message(
            Stage::TokenEndpoint,
            ErrorKind::MalformedResponse,
            format!(
                "the answer isn't the JSON that was expected: {}",
                response.describe()
            ),
        )
        .with_hint(format!("is {} Google's token endpoint?", endpoint.origin()))),
    }
}

/// `{"error": …, "error_description": …}`
/// ([RFC 6749, 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

fn refusal(response: &Response, (grant, who): (Grant, &str)) -> Error {
    let Ok(refusal) = serde_json::from_slice::<Refusal>(response.body()) else {
        return response.refusal(Stage::TokenEndpoint, response.describe());
    };
    let Refusal {
        error: code,
        error_description: description,
    } = &refusal;
    let transient = [
        "internal_failure",
        "server_error",
        "temporarily_unavailable",
    ];
    let kind = match response.error_kind() {
        ErrorKind::Configuration if transient.contains(&code.as_str()) => ErrorKind::Unavailable,
        kind => kind,
    };
    let error = response
        .refusal_of_kind(
            Stage::TokenEndpoint,
            kind,
            format!(
                "HTTP {} {}: {} (account {who})",
                response.status,
                said(code),
                said(description)
            ),
        )
        .with_code(Some(code), None);
    match hint(grant, &refusal, response) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

impl Refusal {
    /// Whether it is the assertion's time that is refused.
    fn is_for_time(&self) -> bool {
        let Self {
            error,
            error_description: said,
        } = self;
        let mut words = said.split(|c: char| !c.is_ascii_alphanumeric());
        error == "invalid_grant" && words.any(|word| matches!(word, "timeframe" | "iat"))
    }
}

/// The server's time, when it refuses the assertion's and that can be mended.
fn servers_time(response: &Response) -> Option<(SystemTime, Skew)> {
    let skew = response
        .received
        .skew()
        .filter(|skew| skew.by <= MOST_SKEW)?;
    let refusal: Refusal = serde_json::from_slice(response.body()).ok()?;
    let time = response.received.date?;
    (!response.is_success() && refusal.is_for_time()).then_some((time, skew))
}

fn hint(grant: Grant, refusal: &Refusal, response: &Response) -> Option<String> {
    let Refusal {
        error: code,
        error_description: description,
    } = refusal;
    if code != "invalid_grant" {
        return None;
    }
    let skew = response.received.skew();
    Some(match (grant, skew) {
        (Grant::RefreshToken, _) => {
            "the login expired or was revoked: run `gcloud auth application-default login`"
                .to_owned()
        }
        (Grant::SubjectToken, _) => {
            "the subject token was refused: has it expired, and does the pool's provider \
             accept its issuer and audience?"
                .to_owned()
        }
        (Grant::Assertion, Some(skew)) if refusal.is_for_time() => format!("{skew}: set it right"),
        (Grant::Assertion, None) if refusal.is_for_time() => {
            "the assertion's time is refused although this machine's clock agrees with the server's"
                .to_owned()
        }
        _ if description.contains("Signature") => {
            "the key was deleted or belongs to another account: compare private_key_id with \
             `gcloud iam service-accounts keys list --iam-account=…`"
                .to_owned()
        }
        _ if description.contains("account not found") => {
            "the service account was deleted or its e-mail is misspelt".to_owned()
        }
        (Grant::Assertion, Some(skew)) => {
            format!("the account and the key are what it can be, or that {skew}")
        }
        (Grant::Assertion, None) => {
            "the account, the key and this machine's clock are what it can be".to_owned()
        }
    })
}
