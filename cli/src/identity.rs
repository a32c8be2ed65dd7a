//! The Google identity that the options name: a source of ID tokens.

use crate::arguments::Options;
use aws_google_web_identity::{
    ApplicationDefault, Audience, BuildError, Context, Error, GcpAuth, IamIdToken, IdToken,
    MetadataServer, ProvideAccessToken, ProvideIdToken, TokenCommand, TokenFile, future,
};

/// gcloud's own client, for which it can print a person's ID token.
const GCLOUD_CLIENT: &str = "32555940559.apps.googleusercontent.com";
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

/// ID tokens that gcloud prints: of a service account for any audience, of a person only for
/// gcloud's own client.
#[derive(Debug)]
struct Gcloud;

impl Gcloud {
    async fn token(&self, cx: &Context, audience: &Audience) -> Result<IdToken, Error> {
        let mut arguments = vec!["auth".to_owned(), "print-identity-token".to_owned()];
        if audience.as_str() != GCLOUD_CLIENT {
            arguments.push(format!("--audiences={}", audience.as_str()));
        }
        let command = TokenCommand::new("gcloud").args(arguments);
        let token = command.provide_id_token(cx, audience).await;
        token.map_err(|error| {
            let hint = error.hint().unwrap_or_default().to_owned();
            error.with_hint(format!("{hint}\n{GCLOUD_HINT}").trim_start().to_owned())
        })
    }
}

const GCLOUD_HINT: &str = "\
gcloud prints an ID token for an audience only of a service account. When a person is logged in, \n\
name a service account with --impersonate EMAIL; the person needs \n\
roles/iam.serviceAccountOpenIdTokenCreator on it. Or assume the role as the person, with \n\
--audience 32555940559.apps.googleusercontent.com (gcloud's client), if the trust policy admits that";

impl ProvideIdToken for Gcloud {
    fn provide_id_token<'a>(
        &'a self,
        cx: &'a Context,
        audience: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.token(cx, audience))
    }

    fn check(&self, _: &Context) -> Result<(), BuildError> {
        Ok(())
    }
}
