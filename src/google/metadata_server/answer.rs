//! What the metadata server answers.

use crate::error::{Error, ErrorKind, Stage};
use crate::google::metadata_server::FLAVOR;
use crate::names::{Audience, ServiceAccountEmail};
use crate::redact::{said, shown};
use crate::token::{AccessToken, IdToken, TokenAnswer};
use crate::transport::{Endpoint, Response};

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
        .ok_or_else(|| {
            let error = malformed(format!("the answer is no e-mail: {}", response.describe()));
            match response.text().map(str::trim) {
                // [A pool's name](https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity).
                Some(pool) if pool.ends_with(".svc.id.goog") => error.with_hint(UNLINKED),
                _ => error,
            }
        })
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

const UNLINKED: &str = "this pod's Kubernetes account acts as no service account: annotate it with \
    iam.gke.io/gcp-service-account, and give it roles/iam.workloadIdentityUser on that account";

/// Sentences: no page, and nothing that may be a token.
fn is_prose(text: &str) -> bool {
    let is_word = |word: &str| {
        word.len() <= 40 || word.contains('@') || word.contains("://") && !word.contains('?')
    };
    (1..=1000).contains(&text.len())
        && !text.starts_with('<')
        && !text.contains(['{', '"'])
        && text.split_whitespace().all(is_word)
}

fn refusal(response: &Response, account: &str, endpoint: &Endpoint) -> Error {
    // A refusal's text says why; any other answer's may be a token.
    let prose = response
        .text()
        .map(str::trim)
        .filter(|text| response.status >= 400 && is_prose(text));
    // GKE's server asks IAM for what it hands out.
    let of_iam = prose.is_some_and(|text| text.contains("IAM returned"));
    let said = match prose {
        Some(text) => format!("HTTP {}: {}", response.status, said(text)),
        None => response.describe(),
    };
    let error = response.refusal(Stage::Metadata, said);
    match response.status {
        403 | 404 if of_iam => error.with_hint(UNLINKED),
        404 => error.with_hint(format!(
            "no service account {account:?} is attached to this machine: attach one, or use another source"
        )),
        403 => error.with_hint(format!("is {} a metadata server?", endpoint.origin())),
        _ => error.with_hint(format!("answered by {}", endpoint.origin())),
    }
}
