//! A role session: credentials, and the facts about them.

use aws_credential_types::Credentials;
use std::sync::Arc;
use std::time::SystemTime;
use zeroize::Zeroizing;

/// The provider's name on the credentials, for the SDK's logs.
const PROVIDER_NAME: &str = "GoogleWebIdentity";

/// Credentials of the assumed role with their real expiry. Cheap to clone; `Debug` redacts.
#[derive(Clone, Debug)]
pub struct Session {
    credentials: Credentials,
    expires_at: SystemTime,
    assumed_role_arn: Option<Arc<str>>,
    /// The same keys as `object_store` takes them. It asks for every request, so they are made once
    /// for each session, when they are first needed.
    #[cfg(feature = "object_store_0_14")]
    object_store: Arc<std::sync::OnceLock<Arc<object_store::aws::AwsCredential>>>,
}

impl Session {
    pub(crate) fn new(
        issued: aws_sdk_sts::types::Credentials,
        account_id: Option<String>,
        expires_at: SystemTime,
        assumed_role_arn: Option<String>,
    ) -> Self {
        let aws_sdk_sts::types::Credentials {
            access_key_id,
            secret_access_key,
            session_token,
            ..
        } = issued;
        let (secret, token) = (
            Zeroizing::new(secret_access_key),
            Zeroizing::new(session_token),
        );
        Self::from_parts(
            [&access_key_id, &secret, &token],
            account_id.as_deref(),
            expires_at,
            assumed_role_arn.as_deref(),
        )
    }

    /// From access key id, secret access key and session token.
    pub(crate) fn from_parts(
        [access_key_id, secret, token]: [&str; 3],
        account_id: Option<&str>,
        expires_at: SystemTime,
        assumed_role_arn: Option<&str>,
    ) -> Self {
        let mut credentials = Credentials::builder()
            .access_key_id(access_key_id)
            .secret_access_key(secret)
            .session_token(token)
            .expiry(expires_at)
            .provider_name(PROVIDER_NAME);
        credentials.set_account_id(account_id.map(Into::into));
        Self {
            credentials: credentials.build(),
            expires_at,
            assumed_role_arn: assumed_role_arn.map(Arc::from),
            #[cfg(feature = "object_store_0_14")]
            object_store: Arc::default(),
        }
    }

    /// The credentials, with the real expiry on them: [`expires_at`](Self::expires_at).
    ///
    /// The credentials that the provider gives to the SDK carry an earlier expiry, so that the SDK
    /// asks again when a refresh is due.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The time at which the session ends, by this machine's clock.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`. Some servers other than AWS send none.
    pub fn assumed_role_arn(&self) -> Option<&str> {
        self.assumed_role_arn.as_deref()
    }

    /// The cached session advertises an earlier expiry; this has the real one.
    pub(crate) fn with_real_expiry(&self) -> Self {
        self.with_expiries(self.expires_at, self.expires_at)
    }

    /// The same credentials with another advertised and another real expiry.
    pub(crate) fn with_expiries(&self, advertised: SystemTime, real: SystemTime) -> Self {
        let mut session = self.clone();
        *session.credentials.expiry_mut() = Some(advertised);
        session.expires_at = real;
        session
    }

    #[cfg(feature = "object_store_0_14")]
    pub(crate) fn object_store_credential(&self) -> Arc<object_store::aws::AwsCredential> {
        let make = || {
            Arc::new(object_store::aws::AwsCredential {
                key_id: self.credentials.access_key_id().to_owned(),
                secret_key: self.credentials.secret_access_key().to_owned(),
                token: self.credentials.session_token().map(str::to_owned),
            })
        };
        self.object_store.get_or_init(make).clone()
    }
}
