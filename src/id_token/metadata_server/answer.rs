//! What the metadata server answers.

use super::FLAVOR;
use crate::access_token::TokenAnswer;
use crate::http::{Endpoint, Response};
use crate::id_token::IdToken;
use crate::names::shown;
use crate::{AccessToken, Audience, Error, ErrorKind, ServiceAccountEmail, Stage};

/// Takes an answer that is a metadata server's, and no refusal.
pub(crate) fn accept(
    response: Response,
    account: &str,
    endpoint: &Endpoint,
) -> Result<Response, Error> {
    if let Some(flavor) = response.flavor().filter(|flavor| *flavor != FLAVOR) {
        return Err(malformed(format!(
            "the answer's Metadata-Flavor is {}, not {FLAVOR:?}",
            shown(flavor)
        ))
        .with_hint(format!(
            "{} is not Google's metadata server",
            endpoint.origin()
        )));
    }
    if response.is_success() {
        return Ok(response);
    }
    Err(refusal(&response, account, endpoint))
}

pub(crate) fn read_id_token(response: &Response, audience: &Audience) -> Result<IdToken, Error> {
    // Old GKE leaves the flavor out; a well-formed token is proof enough.
    let jwt = response
        .text()
        .ok_or_else(|| malformed(format!("the ID token isn't text: {}", response.describe())))?;
    IdToken::received(Stage::Metadata, jwt, audience, &response.received)
        .map_err(|error| response.blame(error))
}

pub(crate) fn read_email(response: &Response) -> Result<ServiceAccountEmail, Error> {
    require_flavor(response)?;
    response
        .text()
        .map(str::trim)
        .and_then(|email| email.parse().ok())
        .ok_or_else(|| malformed(format!("the answer is no e-mail: {}", response.describe())))
}

pub(crate) fn read_access_token(response: &Response) -> Result<AccessToken, Error> {
    require_flavor(response)?;
    let answer: TokenAnswer = serde_json::from_slice(response.body()).map_err(|_| {
        malformed(format!(
            "the answer is no access token: {}",
            response.describe()
        ))
    })?;
    Ok(answer.into_token(response.received.at))
}

fn malformed(message: String) -> Error {
    Error::message(Stage::Metadata, ErrorKind::MalformedResponse, message)
}

fn require_flavor(response: &Response) -> Result<(), Error> {
    match response.flavor() {
        Some(_) => Ok(()),
        None => Err(malformed(format!(
            "the answer has no Metadata-Flavor: {}",
            response.describe()
        ))),
    }
}

/// A sentence: no page, and nothing that may be a token.
fn is_prose(text: &str) -> bool {
    (1..=300).contains(&text.len())
        && !text.starts_with('<')
        && !text.contains(['{', '"'])
        && text.split_whitespace().all(|word| word.len() <= 40)
}

fn refusal(response: &Response, account: &str, endpoint: &Endpoint) -> Error {
    let said = match response.text().map(str::trim) {
        // A refusal's text says why; any other answer's may be a token.
        Some(text) if response.status >= 400 && is_prose(text) => {
            format!("HTTP {}: {}", response.status, shown(text))
        }
        _ => response.describe(),
    };
    let error = Error::message(Stage::Metadata, response.error_kind(), said);
    match response.status {
        404 => error.with_hint(format!(
            "no service account {account:?} is attached to this machine: attach one, or use another source"
        )),
        403 => error.with_hint(format!("is {} a metadata server?", endpoint.origin())),
        _ => error.with_hint(format!("answered by {}", endpoint.origin())),
    }
}
