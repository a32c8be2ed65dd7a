//! Lists a bucket, writes an object of several parts and reads it back, with opendal.
//!
//! Variables: those of `list_buckets`, and `BUCKET`. `OBJECT_MIB` (default 12) is the object's
//! size, and `ROUNDS` (default 1) how often it is read.

mod support;

use aws_google_web_identity::{GoogleWebIdentityProvider, RefreshPolicy};
use opendal::Operator;
use opendal::services::S3;
use reqsign_core::ProvideCredentialChain;
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let bucket = support::required_var("BUCKET", "the bucket to work in")?;
    // reqsign does not fall back to an old credential, so the new one has to be there in time.
    let provider = GoogleWebIdentityProvider::from_env()
        .refresh_policy(RefreshPolicy::new().keep_warm(true))
        .build()
        .await?;
    // opendal drops a provider's error. Asked here first, a refusal is explained.
    provider.session().await?;
    let operator = operator(&bucket, provider)?;

    println!("{} objects in {bucket}", operator.list("/").await?.len());

    let path = "opendal-example";
    let text = vec![b'x'; support::number("OBJECT_MIB", 12)? << 20];
    let mut writer = operator.writer_with(path).chunk(5 << 20).await?;
    for part in text.chunks(1 << 20) {
        writer.write(part.to_vec()).await?;
    }
    writer.close().await?;
    for _ in 0..support::number("ROUNDS", 1)? {
        let read = operator.read_with(path).range(0..1024).await?;
        assert_eq!(read.to_vec(), text[..1024]);
    }
    let read = operator.read(path).await?;
    println!("wrote and read {} bytes", read.len());
    assert_eq!(read.to_vec(), text);
    operator.delete(path).await?;
    Ok(())
}

/// Region and endpoint come from the same variables as for the SDK.
fn operator(bucket: &str, provider: GoogleWebIdentityProvider) -> Result<Operator, opendal::Error> {
    let region = support::var("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned());
    let mut s3 = S3::default()
        .bucket(bucket)
        .region(&region)
        .credential_provider_chain(ProvideCredentialChain::new().push(provider));
    if let Some(endpoint) = support::var("AWS_ENDPOINT_URL_S3") {
        s3 = s3.endpoint(&endpoint);
    }
    Ok(Operator::new(s3)?)
}
