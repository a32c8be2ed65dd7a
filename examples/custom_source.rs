//! Implements a source of ID tokens: it reads the file `ID_TOKEN_FILE`, which another program keeps
//! fresh. (The crate has `TokenFile` for that. This shows how to write a source.)
//!
//! Further variables: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`.

mod support;

use aws_google_web_identity::{
    Audience, Context, Error, ErrorKind, GoogleWebIdentityProvider, IdToken, ProvideIdToken, Stage,
    future,
};
use std::path::PathBuf;

#[derive(Debug)]
struct TokenInFile(PathBuf);

impl TokenInFile {
    async fn read(&self) -> Result<IdToken, Error> {
        let jwt = tokio::fs::read_to_string(&self.0).await.map_err(|error| {
            Error::new(Stage::Source, ErrorKind::Unavailable, error)
                .with_hint(format!("can {} be read?", self.0.display()))
        })?;
        IdToken::parse(jwt)
    }
}

impl ProvideIdToken for TokenInFile {
    fn provide_id_token<'a>(
        &'a self,
        _: &'a Context,
        _: &'a Audience,
    ) -> future::ProvideIdToken<'a> {
        future::ProvideIdToken::new(self.read())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let file = support::required_var("ID_TOKEN_FILE", "the path of a file with an ID token")?;
    let provider = GoogleWebIdentityProvider::from_env()
        .token_source(TokenInFile(file.into()))
        .build()
        .await?;
    support::print_buckets(provider).await
}
