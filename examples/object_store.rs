//! Lists a bucket, writes an object of several parts and reads it back, with `object_store`.
//!
//! Variables: those of `list_buckets`, and `BUCKET`. `OBJECT_MIB` (default 12) is the object's
//! size, and `ROUNDS` (default 1) how often it is read.

mod support;

use aws_google_web_identity::GoogleWebIdentityProvider;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use std::error::Error;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let bucket = support::required_var("BUCKET", "the bucket to work in")?;
    let provider = GoogleWebIdentityProvider::from_env().build().await?;
    let store = store(&bucket, provider)?;

    let objects: Vec<_> = store.list(None).try_collect().await?;
    println!("{} objects in {bucket}", objects.len());

    let path = Path::from("object_store-example");
    let text = vec![b'x'; support::number("OBJECT_MIB", 12)? << 20];
    let mut upload = WriteMultipart::new(store.put_multipart(&path).await?);
    for part in text.chunks(5 << 20) {
        // One part at a time, as a program does that makes them as it goes.
        upload.wait_for_capacity(1).await?;
        upload.write(part);
    }
    upload.finish().await?;
    for _ in 0..support::number("ROUNDS", 1)? {
        let read = store.get_range(&path, 0..1024).await?;
        assert_eq!(read, text[..1024]);
    }
    let read = store.get(&path).await?.bytes().await?;
    println!("wrote and read {} bytes", read.len());
    assert_eq!(read, text);
    store.delete(&path).await?;
    Ok(())
}

/// Region and endpoint come from the same variables as for the SDK.
fn store(
    bucket: &str,
    provider: GoogleWebIdentityProvider,
) -> Result<AmazonS3, object_store::Error> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_credentials(Arc::new(provider));
    if let Some(region) = support::var("AWS_REGION") {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = support::var("AWS_ENDPOINT_URL_S3") {
        let is_plain = endpoint.starts_with("http://");
        builder = builder.with_endpoint(endpoint).with_allow_http(is_plain);
    }
    builder.build()
}
