//! What points a program at the emulator: configuration, environment, key files.

use super::{Emulator, accounts, key_file, sdk_config};
use aws_types::SdkConfig;
use std::io;
use std::path::Path;

/// Pointing programs at it.
impl Emulator {
    /// An `SdkConfig` whose STS, and no other service, is the emulator's: with Region `us-east-1`, the latest behavior version, tokio's
    /// sleep and the emulator's time source, without credentials.
    pub fn sdk_config(&self) -> SdkConfig {
        sdk_config::of(&self.desk.world)
    }

    /// The environment of a program that gets its identity from the metadata server.
    pub fn env(&self) -> Vec<(String, String)> {
        let mut env = self.aws_env();
        // Google's clients disagree about the name.
        for name in ["GCE_METADATA_HOST", "GCE_METADATA_IP", "GCE_METADATA_ROOT"] {
            env.push((name.to_owned(), self.metadata_host().to_owned()));
        }
        env
    }

    /// The environment of a program that gets its identity from the key file at `path`, and finds no metadata server.
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

    /// A service-account key file, its private key in PKCS#8, its `token_uri` the emulator's.
    ///
    /// # Errors
    /// `NotFound` for an account that the emulator does not know, by e-mail address or unique id.
    pub fn key_file_json(&self, account: &str) -> io::Result<String> {
        let account = self.account(account)?;
        self.key_file(account, &account.file_key().pkcs8_pem()?)
    }

    /// The same with the private key in PKCS#1, which Google does not hand out but converters make.
    ///
    /// # Errors
    /// As [`key_file_json`](Self::key_file_json).
    pub fn pkcs1_key_file_json(&self, account: &str) -> io::Result<String> {
        let account = self.account(account)?;
        self.key_file(account, &account.file_key().pkcs1_pem()?)
    }

    fn key_file(&self, account: &accounts::Account, pem: &str) -> io::Result<String> {
        let (token_uri, jwks_uri) = (self.token_uri(), self.jwks_uri());
        self.desk.world.secrets.add_key(pem);
        Ok(key_file::service_account(
            account, pem, &token_uri, &jwks_uri,
        ))
    }

    /// Writes [`key_file_json`](Self::key_file_json) to a new file, on Unix readable by its owner alone.
    ///
    /// # Errors
    /// As there, `AlreadyExists` for a file that is there, and what writing says.
    pub fn write_key_file(&self, account: &str, path: impl AsRef<Path>) -> io::Result<()> {
        key_file::write_private(path.as_ref(), &self.key_file_json(account)?)
    }

    /// A user's application default credentials (`authorized_user`), with a refresh token that the token endpoint takes.
    pub fn authorized_user_json(&self, email: &str) -> String {
        key_file::authorized_user(&self.desk.world.refresh_token(email), &self.token_uri())
    }
}
