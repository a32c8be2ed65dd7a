//! The Google identity that the options name: a source of ID tokens.

use crate::arguments::Options;
use crate::gcloud::Gcloud;
use aws_google_web_identity::{
    ApplicationDefault, GcpAuth, IamIdToken, MetadataServer, ProvideAccessToken, ProvideIdToken,
    TokenFile,
};

/// gcloud's variable for another origin of IAM Credentials.
const IAM_ENDPOINT: &str = "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAMCREDENTIALS";

/// The source of ID tokens that the options name.
pub(crate) fn source(options: &Options) -> Box<dyn ProvideIdToken> {
    let account = options.impersonate.as_deref();
    match (account, options) {
        (Some(account), options) if options.gcloud => impersonated(account, GcpAuth::gcloud()),
        (Some(account), options) if options.metadata_server => {
            impersonated(account, MetadataServer::new())
        }
        (None, options) if options.gcloud => Box::new(Gcloud),
        (None, options) if options.metadata_server => Box::new(MetadataServer::new()),
        (account, options) => match &options.token_file {
            Some(path) => Box::new(TokenFile::new(path)),
            None => Box::new(application_default(options, account)),
        },
    }
}

pub(crate) fn application_default(options: &Options, account: Option<&str>) -> ApplicationDefault {
    let source = match &options.credentials_file {
        Some(path) => ApplicationDefault::from_file(path),
        None => ApplicationDefault::new(),
    };
    let source = match iam_endpoint() {
        Some(endpoint) => source.iam_endpoint(endpoint),
        None => source,
    };
    match account {
        Some(account) => source.impersonate(account),
        None => source,
    }
}

/// The access tokens of the identity that the options name, for calling Cloud KMS. The account to
/// impersonate has no part in it.
pub(crate) fn access(options: &Options) -> Box<dyn ProvideAccessToken> {
    if options.gcloud {
        Box::new(GcpAuth::gcloud())
    } else if options.metadata_server {
        Box::new(MetadataServer::new())
    } else {
        Box::new(application_default(options, None))
    }
}

/// `account` is an e-mail, or a chain `delegate,…,account`.
fn impersonated(
    account: &str,
    caller: impl ProvideAccessToken + 'static,
) -> Box<dyn ProvideIdToken> {
    let (delegates, account) = match account.rsplit_once(',') {
        Some((delegates, account)) => (delegates.split(',').map(str::trim).collect(), account),
        None => (Vec::new(), account),
    };
    let source = IamIdToken::new(account.trim(), caller).delegates(delegates);
    Box::new(match iam_endpoint() {
        Some(endpoint) => source.endpoint(endpoint),
        None => source,
    })
}

/// Where IAM Credentials is.
pub(crate) fn iam_origin() -> String {
    iam_endpoint().unwrap_or_else(|| "https://iamcredentials.googleapis.com".to_owned())
}

fn iam_endpoint() -> Option<String> {
    let endpoint = std::env::var(IAM_ENDPOINT).ok()?;
    let endpoint = endpoint.trim_end_matches('/').to_owned();
    Some(endpoint).filter(|endpoint| !endpoint.is_empty())
}
