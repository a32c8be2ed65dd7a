//! What the metadata server answers.

use crate::error::{Error, ErrorKind, Stage};
use crate::names::{Audience, ServiceAccountEmail};
use crate::redact::{prose, said, shown};
use crate::server::FLAVOR;
use crate::token::{AccessToken, IdToken, TokenAnswer};
use crate::transport::{Endpoint, Response};

/// Accepts an answer that comes from a metadata server and is not a refusal.
///
/// A success without flavor passes too: old GKE omits it. The readers of its body decide.
pub(crate) fn accept(
    response: Response,
    account: &str,
    endpoint: &Endpoint,
) -> Result<Response, Error> {
    match response.flavor() {
        Some(FLAVOR) if response.is_success() => Ok(response),
        Some(FLAVOR) => Err(refusal(&response, account, endpoint)),
        None if response.is_success() => Ok(response),
        // A proxy in front of a server that is starting or overloaded.
        None if response.is_transient() => {
            let error = refusal(&response, account, endpoint);
            Err(error.and_hint(NO_FLAVOR))
        }
        _ => Err(stranger(&response)),
    }
}

const NO_FLAVOR: &str = "the answer has no Metadata-Flavor";

pub(crate) fn read_id_token(response: &Response, audience: &Audience) -> Result<IdToken, Error> {
    let jwt = response
        .text()
        .ok_or_else(|| malformed(format!("the ID token isn't text: {}", response.describe())))?;
    // A well-formed token is proof enough of who answered.
    if response.flavor().is_none() && IdToken::parse(jwt.trim()).is_err() {
        return Err(stranger(response));
    }
    IdToken::received(Stage::Metadata, jwt, audience, &response.received)
        .map_err(|error| response.blame(error))
}

pub(crate) fn read_email(response: &Response) -> Result<ServiceAccountEmail, Error> {
    require_flavor(response)?;
    let text = response.text().map(str::trim);
    match text.and_then(|email| email.parse().ok()) {
        Some(email) => Ok(email),
        // [A pool's name](https://cloud.google.com/kubernetes-engine/docs/concepts/workload-identity).
        None if text.is_some_and(|pool| pool.ends_with(".svc.id.goog")) => {
            let message = format!(
                "the answer is the name of a workload identity pool, not of a service account: {}",
                response.describe()
            );
            let error = Error::from_message(Stage::Metadata, ErrorKind::Configuration, message);
            Err(error.with_hint(UNLINKED))
        }
        None => Err(malformed(format!(
            "the answer is not an e-mail address: {}",
            response.describe()
        ))),
    }
}

pub(crate) fn read_access_token(response: &Response) -> Result<AccessToken, Error> {
    require_flavor(response)?;
    let answer: TokenAnswer = serde_json::from_slice(response.body()).map_err(|_| {
        malformed(format!(
            "the answer contains no access token: {}",
            response.describe()
        ))
    })?;
    Ok(answer.into_token(response.received.at))
}

fn malformed(message: String) -> Error {
    Error::from_message(Stage::Metadata, ErrorKind::MalformedResponse, message)
}

fn require_flavor(response: &Response) -> Result<(), Error> {
    match response.flavor() {
        Some(_) => Ok(()),
        None => Err(stranger(response)),
    }
}

/// The error for an answer from another server, whatever it says.
fn stranger(response: &Response) -> Error {
    let flavor = match response.flavor() {
        Some(flavor) => format!("the answer's Metadata-Flavor is {}", shown(flavor)),
        None => NO_FLAVOR.to_owned(),
    };
    Error::from_message(
        Stage::Metadata,
        ErrorKind::Configuration,
        format!(
            "another server answers in place of Google's metadata server: {flavor}, {}",
            response.describe()
        ),
    )
    .with_hint(
        "check where the name leads: DNS, a search list with a wildcard, /etc/hosts, \
         GCE_METADATA_HOST; if this is not Google Cloud, set NO_GCE_CHECK=true or use another source",
    )
}

const UNLINKED: &str = "this pod's Kubernetes account acts as no service account. There are three \
    ways out: annotate it with iam.gke.io/gcp-service-account, and give it \
    roles/iam.workloadIdentityUser on that account; or impersonate a service account with IamIdToken, \
    for which MetadataServer provides the access token; or use the cluster's own tokens with \
    TokenFile, and make an IAM OIDC provider for the cluster's issuer";

const UNBOUND: &str = "this pod's Kubernetes account may not act as the service account that it is \
    annotated with: give it roles/iam.workloadIdentityUser on that account";

fn refusal(response: &Response, account: &str, endpoint: &Endpoint) -> Error {
    // The text of a refusal says why. Any other answer's text may be a token.
    let prose = response
        .text()
        .filter(|_| response.status >= 400)
        .and_then(prose);
    let said = match prose {
        Some(text) => format!("HTTP {}: {}", response.status, said(text)),
        None => response.describe(),
    };
    // GKE's server asks IAM for each token, and passes on what IAM says, under various statuses.
    if let Some(hint) = gke_setup(prose.unwrap_or_default()) {
        let kind = ErrorKind::Configuration;
        return response
            .refusal_of_kind(Stage::Metadata, kind, said)
            .with_hint(hint);
    }
    let error = response.refusal(Stage::Metadata, said);
    match response.status {
        403 | 404 if prose.is_some_and(|text| text.contains("IAM returned")) => {
            error.with_hint(UNBOUND)
        }
        404 => error.with_hint(format!(
            "no service account {account:?} is attached to this machine: attach one, or use another source"
        )),
        403 => error.with_hint(format!("is {} a metadata server?", endpoint.origin())),
        _ => error.with_detail("answered by", &endpoint.origin()),
    }
}

/// What is missing in the set-up of workload identity, if the refusal says so.
fn gke_setup(prose: &str) -> Option<String> {
    if prose.contains("is not annotated with a target Google service account") {
        return Some(UNLINKED.to_owned());
    }
    let (_, account) = prose.split_once("Gaia id not found for email")?;
    let account = account.split_whitespace().next().unwrap_or_default();
    Some(format!(
        "the service account {} that this pod's Kubernetes account is annotated with does not exist: \
         create it, or correct the annotation iam.gke.io/gcp-service-account",
        shown(account.trim_end_matches(['.', ',', ';']))
    ))
}
