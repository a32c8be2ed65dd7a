//! Grants and credentials that the servers issued.

use super::keys::random;
use super::system_time;
use aws_credential_types::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::time::SystemTime;

/// What a Google token authorizes.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) principal: String,
    pub(crate) scopes: String,
    pub(crate) expires: i64,
}

impl Grant {
    pub(crate) fn new(principal: &str, scopes: &str, expires: i64) -> Self {
        Self {
            principal: principal.to_owned(),
            scopes: scopes.to_owned(),
            expires,
        }
    }
}

/// Credentials that the emulator's STS issued. `Debug` hides the secret key and the session token.
///
/// A fake of an AWS service looks them up with [`Emulator::issued`](crate::Emulator::issued) to
/// verify a signature.
#[derive(Clone)]
pub struct IssuedCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    role_arn: String,
    session_name: String,
    expires: i64,
}

impl IssuedCredentials {
    pub(crate) fn new(role_arn: &str, session_name: &str, expires: i64) -> Self {
        const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let id = random(16)
            .into_iter()
            .map(|byte| char::from(BASE32[usize::from(byte & 31)]));
        Self {
            access_key_id: "ASIA".chars().chain(id).collect(),
            secret_access_key: STANDARD.encode(random(30)),
            // AWS session tokens start like this and have several hundred characters.
            session_token: format!("IQoJb3JpZ2luX2Vj{}", STANDARD.encode(random(384))),
            role_arn: role_arn.to_owned(),
            session_name: session_name.to_owned(),
            expires,
        }
    }

    /// The access key id: `ASIA` and 16 characters.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The secret access key.
    pub fn secret_access_key(&self) -> &str {
        &self.secret_access_key
    }

    /// The session token.
    pub fn session_token(&self) -> &str {
        &self.session_token
    }

    /// The ARN of the role that was assumed.
    pub fn role_arn(&self) -> &str {
        &self.role_arn
    }

    /// The name of the session.
    pub fn session_name(&self) -> &str {
        &self.session_name
    }

    /// When they expire, in the emulator's time.
    pub fn expires_at(&self) -> SystemTime {
        system_time(self.expires)
    }

    /// The credentials as a type of the AWS SDK.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(
            &self.access_key_id,
            &self.secret_access_key,
            Some(self.session_token.clone()),
            Some(self.expires_at()),
            "emulator",
        )
    }
}

impl fmt::Debug for IssuedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedCredentials")
            .field("access_key_id", &self.access_key_id)
            .field("role_arn", &self.role_arn)
            .field("session_name", &self.session_name)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_look_like_those_of_aws_and_debug_hides_secrets() {
        let issued = IssuedCredentials::new("arn:aws:iam::123456789012:role/demo", "me", 10);
        assert_eq!(issued.access_key_id().len(), 20);
        assert_eq!(issued.secret_access_key().len(), 40);
        let debug = format!("{issued:?}");
        assert!(!debug.contains(issued.secret_access_key()));
        assert!(!debug.contains(issued.session_token()));
    }
}
