//! A source of your own: an ID token that somebody else keeps fresh in the file `ID_TOKEN_FILE`. (The crate has a
//! `TokenFile` for that; this shows how such a source is written.)
//! Besides that: `TARGET_AUDIENCE`, `AWS_ROLE_ARN`, `AWS_REGION`.

mod support;

use aws_google_web_identity::{
    Audience, Context, Error, ErrorKind, GoogleWebIdentityProvider, IdToken, ProvideIdToken, Stage,
    future,
};
use std::path::PathBuf;

#[derive(Debug)]
struct Inbox(PathBuf);

impl Inbox {
    async fn read(&self) -> Result<IdToken, Error> {
        let jwt = tokio::fs::read_to_string(&self.0).await.map_err(|error| {
            Error::new(Stage::Source, ErrorKind::Unavailable, error)
                .with_hint(format!("can {} be read?", self.0.display()))
        })?;
        IdToken::parse(jwt)
    }
}

impl ProvideIdToken for Inbox {
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
    let file = std::env::var_os("ID_TOKEN_FILE")
        .ok_or("ID_TOKEN_FILE is not set: it is the path of a file with an ID token")?;
    let provider = GoogleWebIdentityProvider::from_env()
        .token_source(Inbox(file.into()))
        .build()
        .await?;
    support::print_buckets(provider).await
}
