//! Google's token endpoint, which exchanges an assertion for an ID token or an access token
//! ([RFC 7523](https://www.rfc-editor.org/rfc/rfc7523#section-2.1)).

mod jwt_bearer;
pub(crate) mod key_file;
mod local_key;
mod refusal;

pub use jwt_bearer::JwtBearer;
pub use local_key::LocalKey;

use crate::build_error::BuildError;
use crate::context::Context;
use crate::error::{Error, ErrorKind, Stage};
use crate::redact::SECRET_FIELDS;
use crate::server::Server;
use crate::token::{Asking, Assertion, SignJwt};
use crate::transport::{Body, Endpoint, Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::DeserializeOwned;
use std::fmt;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// The endpoint, unless a key or a setting names another.
pub(crate) const DEFAULT: &str = "https://oauth2.googleapis.com/token";

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// The clock of a token endpoint corrects ours by at most this much: beyond it, the answer's `Date`
/// is as likely to be wrong.
const MAX_SKEW: Duration = Duration::from_secs(24 * 3600);

/// A token endpoint. It keeps the text of its URI, since an assertion's `aud` must equal it byte
/// for byte.
#[derive(Clone)]
pub(crate) struct TokenEndpoint {
    uri: String,
    endpoint: Endpoint,
}

impl TokenEndpoint {
    /// Parses a URI: https, or http on loopback. `setting` names where it came from.
    pub(crate) fn parse(setting: &str, uri: impl Into<String>) -> Result<Self, BuildError> {
        let uri = uri.into();
        let endpoint = Endpoint::secure(setting, &uri)?;
        Ok(Self { uri, endpoint })
    }

    pub(crate) fn server(&self) -> Server {
        Server::of(Stage::TokenEndpoint, &self.endpoint)
    }

    pub(crate) fn uri(&self) -> &str {
        &self.uri
    }
}

impl fmt::Debug for TokenEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.uri, f)
    }
}

/// Has an assertion signed and exchanges it.
///
/// When the endpoint refuses the assertion's time and its answer has a `Date`, a second assertion
/// is signed for that time. The date can be believed because the endpoint is https or on loopback.
/// The difference isn't remembered: the clock may be set right at any moment.
pub(crate) async fn exchange<T: DeserializeOwned>(
    cx: &Context,
    endpoint: &TokenEndpoint,
    signer: &dyn SignJwt,
    asking: Asking<'_>,
) -> Result<(T, Response), Error> {
    let issuer = signer.issuer(cx).await?;
    let call = async |time: SystemTime| {
        let assertion = Assertion::new(issuer.clone(), endpoint.uri(), asking, time);
        let signed = signer.sign_jwt(cx, &assertion).await?;
        let form = [("grant_type", GRANT_TYPE), ("assertion", signed.expose())];
        send(cx, endpoint, None, &form).await
    };
    let mut response = call(cx.now()).await?;
    if let Some((time, skew)) = refusal::server_time(&response) {
        tracing::warn!("{skew}: set it right; signing the assertion again for the server's time");
        response = call(time).await?;
    }
    read(response, (Grant::Assertion, issuer.as_str()), endpoint)
}

/// What is exchanged for a token. It decides what can be wrong with it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Grant {
    Assertion,
    RefreshToken,
    SubjectToken,
}

/// An OAuth client that authenticates in a header
/// ([RFC 6749, 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
#[derive(Clone, Copy)]
pub(crate) struct Client<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
}

impl Client<'_> {
    /// The RFC wants both percent-encoded first. Google's libraries don't do that, and Google's ids
    /// and secrets have no character that needs it.
    fn basic(self) -> Zeroizing<String> {
        let Self { id, secret } = self;
        let pair = Zeroizing::new(format!("{id}:{secret}"));
        Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())))
    }
}

/// Posts a form and reads the JSON of the answer. `who`, the grant and a name, is for errors.
pub(crate) async fn post<T: DeserializeOwned>(
    cx: &Context,
    endpoint: &TokenEndpoint,
    who: (Grant, &str),
    client: Option<Client<'_>>,
    form: &[(&str, &str)],
) -> Result<(T, Response), Error> {
    read(send(cx, endpoint, client, form).await?, who, endpoint)
}

async fn send(
    cx: &Context,
    endpoint: &TokenEndpoint,
    client: Option<Client<'_>>,
    form: &[(&str, &str)],
) -> Result<Response, Error> {
    let body = Body::form(form);
    let basic = client.map(Client::basic);
    let mut request = Request::post(Stage::TokenEndpoint, "token", &endpoint.endpoint, body);
    if let Some(basic) = &basic {
        request = request.header("authorization", basic);
    }
    let mut response = cx.transport().send(request).await?;
    for (name, value) in form {
        if SECRET_FIELDS.contains(name) {
            response.blank_out(value);
        }
    }
    if let (Some(client), Some(basic)) = (client, &basic) {
        response.blank_out(client.secret);
        response.blank_out(basic.trim_start_matches("Basic "));
    }
    Ok(response)
}

/// Reads an answer, whatever its status.
pub(crate) fn read<T: DeserializeOwned>(
    response: Response,
    who: (Grant, &str),
    endpoint: &TokenEndpoint,
) -> Result<(T, Response), Error> {
    if !response.is_success() {
        return Err(refusal::error(&response, who));
    }
    match serde_json::from_slice(response.body()) {
        Ok(answer) => Ok((answer, response)),
        Err(_) => Err(Error::from_message(
            Stage::TokenEndpoint,
            ErrorKind::MalformedResponse,
            format!(
                "the answer isn't the JSON that was expected: {}",
                response.describe()
            ),
        )
        .with_hint(format!(
            "is {} Google's token endpoint?",
            endpoint.endpoint.origin()
        ))),
    }
}
