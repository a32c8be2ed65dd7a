//! A role session: credentials and what is known about them.

use aws_credential_types::Credentials;
use std::sync::Arc;
use std::time::SystemTime;
use zeroize::Zeroizing;

/// What the credentials say who provided them.
const PROVIDER_NAME: &str = "GoogleWebIdentity";

/// Credentials of the assumed role with their real expiry. Cheap to clone; `Debug` redacts.
#[derive(Clone, Debug)]
pub struct Session {
    credentials: Credentials,
    expires_at: SystemTime,
    assumed_role_arn: Option<Arc<str>>,
}

impl Session {
    pub(crate) fn new(
        issued: aws_sdk_sts::types::Credentials,
        account_id: String,
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
        let credentials = Credentials::builder()
            .access_key_id(access_key_id)
            .secret_access_key(secret.as_str())
            .session_token(token.as_str())
            .expiry(expires_at)
            .account_id(account_id)
            .provider_name(PROVIDER_NAME)
            .build();
        Self {
            credentials,
            expires_at,
            assumed_role_arn: assumed_role_arn.map(Arc::from),
        }
    }

    /// The credentials; their `expiry` is [`expires_at`](Self::expires_at).
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// When STS ends the session, by this machine's clock.
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`; some servers other than AWS's send none.
    pub fn assumed_role_arn(&self) -> Option<&str> {
        self.assumed_role_arn.as_deref()
    }

    /// What is cached advertises an earlier expiry.
    pub(crate) fn with_real_expiry(&self) -> Self {
        self.with_expiries(self.expires_at, self.expires_at)
    }

    /// The same credentials with another `expiry` on them, and another real one.
    pub(crate) fn with_expiries(&self, on_them: SystemTime, real: SystemTime) -> Self {
        let mut session = self.clone();
        *session.credentials.expiry_mut() = Some(on_them);
        session.expires_at = real;
        session
    }
}
