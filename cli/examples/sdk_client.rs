//! A program that knows nothing of Google: the AWS SDK's default credential chain reads an object.
//!
//! Run it under the command, which gives it the credentials: `aws-google-web-identity exec --
//! sdk_client BUCKET KEY [SECONDS]`. With `SECONDS`, it reads twice a second for that long, and
//! prints the access key id of each read; else it prints the object.

#![allow(
    clippy::disallowed_methods,
    reason = "a program of its own, which has no Context"
)]

use aws_config::BehaviorVersion;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_s3::error::DisplayErrorContext;
use std::time::{Duration, Instant};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if let Err(error) = run().await {
        eprintln!("{}", DisplayErrorContext(&*error));
        std::process::exit(1);
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(bucket), Some(key)) = (arguments.next(), arguments.next()) else {
        return Err("usage: sdk_client BUCKET KEY [SECONDS]".into());
    };
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let s3 = aws_sdk_s3::Client::new(&config);
    let listed = s3.list_objects_v2().bucket(&bucket).send().await?;
    if !listed.contents().iter().any(|it| it.key() == Some(&*key)) {
        return Err(format!("{key} is not listed").into());
    }
    let Some(seconds) = arguments.next() else {
        let object = s3.get_object().bucket(&bucket).key(&key).send().await?;
        let bytes = object.body.collect().await?.into_bytes();
        println!("{}", String::from_utf8_lossy(&bytes));
        return Ok(());
    };
    let provider = config.credentials_provider().ok_or("no credentials")?;
    let end = Instant::now() + Duration::from_secs(seconds.parse()?);
    while Instant::now() < end {
        let object = s3.get_object().bucket(&bucket).key(&key).send().await?;
        object.body.collect().await?;
        println!("{}", provider.provide_credentials().await?.access_key_id());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
