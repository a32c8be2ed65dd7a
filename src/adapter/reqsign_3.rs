//! [`reqsign_core`] 3, which opendal and iceberg use.

use crate::aws::session::Session;
use crate::error::{Error, ErrorKind};
use crate::provider::GoogleWebIdentityProvider;
use reqsign_aws_v4::Credential;
use reqsign_core::time::Timestamp;
use reqsign_core::{Context, ProvideCredential};
use std::time::UNIX_EPOCH;

/// Credentials for reqsign's `Signer`, and through it for opendal and iceberg: for example
/// `S3Builder::credential_provider_chain` of opendal.
///
/// `expires_in` is the real expiry. reqsign caches a credential until 120 s before it. From then on
/// it asks for each request, does not fall back to the old credential, and refuses one in its last
/// 10 s, which the SDK still uses. So set
/// [`RefreshPolicy::keep_warm`](crate::RefreshPolicy::keep_warm): the provider then has new
/// credentials before reqsign asks.
///
/// A failure carries the crate's [`Error`](crate::Error) as its source, and is logged with its
/// explanation as well, since a chain of providers drops it.
/// [`ErrorKind::NotConfigured`](crate::ErrorKind::NotConfigured) is `None`, so that a chain goes
/// on.
impl ProvideCredential for GoogleWebIdentityProvider {
    type Credential = Credential;

    async fn provide_credential(&self, _: &Context) -> reqsign_core::Result<Option<Credential>> {
        match self.pick(credential).await {
            Ok(credential) => credential.map(Some),
            Err(error) if error.kind() == ErrorKind::NotConfigured => {
                tracing::debug!(%error, "no Google identity; reqsign's next provider is asked");
                Ok(None)
            }
            Err(error) => {
                tracing::warn!("{error:#}");
                Err(failed(error))
            }
        }
    }
}

fn credential(session: &Session) -> reqsign_core::Result<Credential> {
    let credentials = session.credentials();
    let since_epoch = session.expires_at().duration_since(UNIX_EPOCH);
    let milliseconds = since_epoch.unwrap_or_default().as_millis();
    Ok(Credential {
        access_key_id: credentials.access_key_id().to_owned(),
        secret_access_key: credentials.secret_access_key().to_owned(),
        session_token: credentials.session_token().map(str::to_owned),
        expires_in: Some(Timestamp::from_millisecond(
            i64::try_from(milliseconds).unwrap_or(i64::MAX),
        )?),
    })
}

fn failed(error: Error) -> reqsign_core::Error {
    use reqsign_core::ErrorKind as Kind;
    let kind = match error.kind() {
        ErrorKind::Denied => Kind::PermissionDenied,
        ErrorKind::Throttled => Kind::RateLimited,
        ErrorKind::NotConfigured | ErrorKind::Configuration => Kind::ConfigInvalid,
        _ => Kind::Unexpected,
    };
    let failed = reqsign_core::Error::new(kind, error.to_string());
    failed
        .set_retryable(error.is_retryable())
        .with_source(error)
}
