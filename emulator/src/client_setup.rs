//! Pointing programs at the emulator: `SdkConfig`, environment variables, credentials files.

mod sdk_config;

use crate::Emulator;
use crate::state::accounts::Account;
use crate::state::key_file;
use aws_types::SdkConfig;
use std::io;
use std::path::Path;

/// # Pointing programs at it
impl Emulator {
    /// An `SdkConfig` that sends calls of STS, and of no other service, to the emulator.
    ///
    /// It has Region `us-east-1`, the latest behavior version, tokio's sleep and the emulator's
    /// clock, and no credentials.
    pub fn sdk_config(&self) -> SdkConfig {
        sdk_config::of(&self.dispatcher.state)
    }

    /// The environment variables of a program that gets its identity from the metadata server.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = self.aws_env();
        // Google's clients use different names.
        for name in ["GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"] {
            env.push((name.to_owned(), self.metadata_host().to_owned()));
        }
        env
    }

    /// The environment variables of a program that gets its identity from the key file at `path`,
    /// and must not look for a metadata server.
    pub fn key_file_env(&self, path: impl AsRef<Path>) -> Vec<(String, String)> {
        let path = path.as_ref().to_string_lossy().into_owned();
        let mut env = self.aws_env();
        env.push(("GOOGLE_APPLICATION_CREDENTIALS".to_owned(), path));
        env.push(("NO_GCE_CHECK".to_owned(), "true".to_owned()));
        env
    }

    fn aws_env(&self) -> Vec<(String, String)> {
        let pairs = [
            ("AWS_ENDPOINT_URL_STS", self.sts_endpoint().to_owned()),
            ("AWS_REGION", sdk_config::REGION.to_owned()),
            ("AWS_ROLE_ARN", self.role_arn()),
            ("TARGET_AUDIENCE", self.audience.clone()),
        ];
        pairs.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// The service-account key file of `account`, an e-mail address or unique id. Its private key
    /// is in PKCS#8, its `token_uri` is the emulator's.
    ///
    /// # Errors
    /// `NotFound` for an unknown account.
    pub fn key_file_json(&self, account: &str) -> io::Result<String> {
        let account = self.account(account)?;
        self.key_file(account, &account.file_key().pkcs8_pem()?)
    }

    /// The same with the private key in PKCS#1, as conversion tools write it. Google never does.
    ///
    /// # Errors
    /// As [`key_file_json`](Self::key_file_json).
    pub fn pkcs1_key_file_json(&self, account: &str) -> io::Result<String> {
        let account = self.account(account)?;
        self.key_file(account, &account.file_key().pkcs1_pem()?)
    }

    fn key_file(&self, account: &Account, pem: &str) -> io::Result<String> {
        let (token_uri, jwks_uri) = (self.token_uri(), self.jwks_uri());
        self.dispatcher.state.secrets.add_key(pem);
        Ok(key_file::service_account(
            account, pem, &token_uri, &jwks_uri,
        ))
    }

    /// Writes [`key_file_json`](Self::key_file_json) to a new file, on Unix readable only by its
    /// owner.
    ///
    /// # Errors
    /// `NotFound` for an unknown account; `AlreadyExists` if the file exists; any error of writing
    /// it.
    pub fn write_key_file(&self, account: &str, path: impl AsRef<Path>) -> io::Result<()> {
        key_file::write_private(path.as_ref(), &self.key_file_json(account)?)
    }

    /// A user's application default credentials (`authorized_user`), with a refresh token that the
    /// token endpoint accepts.
    pub fn authorized_user_json(&self, email: &str) -> String {
        key_file::authorized_user(
            &self.dispatcher.state.refresh_token(email),
            &self.token_uri(),
        )
    }
}
