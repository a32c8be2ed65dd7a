//! Implements a signer. Here, `openssl` signs with the key in the file `KEY_PEM`, of the account
//! `SERVICE_ACCOUNT`. A KMS, an HSM or Vault fits in the same place.
//!
//! Further variables: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`. `TOKEN_URI` replaces
//! Google's token endpoint.

mod support;

use aws_google_web_identity::{
    Assertion, Context, Error, ErrorKind, GoogleWebIdentityProvider, JwtBearer,
    ServiceAccountEmail, SignJwt, SignedJwt, Stage, future,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

#[derive(Debug)]
struct OpenSsl {
    account: ServiceAccountEmail,
    key: String,
}

impl OpenSsl {
    async fn sign(&self, assertion: &Assertion) -> Result<SignedJwt, Error> {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let claims = URL_SAFE_NO_PAD.encode(assertion.claims_json());
        let message = format!("{header}.{claims}");
        let signature = self
            .openssl(message.as_bytes())
            .await
            .map_err(|error| Error::new(Stage::Sign, ErrorKind::Unavailable, error))?;
        Ok(SignedJwt::new(format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode(signature)
        )))
    }

    async fn openssl(&self, message: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign", &self.key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = openssl.stdin.take() {
            stdin.write_all(message).await?;
        }
        let output = openssl.wait_with_output().await?;
        match output.status.success() {
            true => Ok(output.stdout),
            false => Err(std::io::Error::other(format!("openssl: {}", output.status))),
        }
    }
}

impl SignJwt for OpenSsl {
    fn issuer<'a>(&'a self, _: &'a Context) -> future::Issuer<'a> {
        future::Issuer::ready(Ok(self.account.clone()))
    }

    fn sign_jwt<'a>(&'a self, _: &'a Context, assertion: &'a Assertion) -> future::SignJwt<'a> {
        future::SignJwt::new(self.sign(assertion))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let signer = OpenSsl {
        account: support::required_var("SERVICE_ACCOUNT", "the e-mail of the account")?.parse()?,
        key: support::required_var("KEY_PEM", "the path of the account's key in PEM")?,
    };
    let mut source = JwtBearer::new(signer);
    if let Some(uri) = support::var("TOKEN_URI") {
        source = source.token_uri(uri);
    }
    let provider = GoogleWebIdentityProvider::from_env()
        .token_source(source)
        .build()
        .await?;
    support::print_buckets(provider).await
}
