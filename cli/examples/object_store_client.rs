//! A program that knows nothing of Google: `object_store` takes credentials from the variables of
//! a container, and reads an object.
//!
//! Run it under the command: `aws-google-web-identity exec -- object_store_client BUCKET KEY`.

use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(bucket), Some(key)) = (arguments.next(), arguments.next()) else {
        return Err("usage: object_store_client BUCKET KEY".into());
    };
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket);
    // Unlike the SDK, object_store does not read AWS_ENDPOINT_URL_S3.
    if let Ok(endpoint) = std::env::var("AWS_ENDPOINT_URL_S3") {
        builder = builder.with_allow_http(endpoint.starts_with("http:"));
        builder = builder.with_endpoint(endpoint);
    }
    let store = builder.build()?;
    let key = Path::from(key);
    let listed: Vec<_> = store.list(None).try_collect().await?;
    if !listed.iter().any(|it| it.location == key) {
        return Err(format!("{key} is not listed").into());
    }
    let bytes = store.get(&key).await?.bytes().await?;
    println!("{}", String::from_utf8_lossy(&bytes));
    Ok(())
}
