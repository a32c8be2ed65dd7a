//! Lists a bucket, writes an object of several parts and reads it back with `object_store`, while
//! the session rotates. Without variables it works against servers in process.
//!
//! Variables: those of `list_buckets`, and `S3_BUCKET`. `OBJECT_MIB` (default 12) is the object's
//! size, `ROUNDS` (default 1) how often it is read. If `ROTATE` is set, the
//! upload waits for the session's refresh; if `PRESIGN` is set, it prints a presigned URL.

#[path = "support/place.rs"]
mod place;
mod support;

use aws_google_web_identity::GoogleWebIdentityProvider;
use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart};
use place::Place;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

const PART: usize = 5 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let place = Place::find().await?;
    let builder = place.configure(GoogleWebIdentityProvider::from_env());
    let provider = builder.build().await?;
    let store = store(&place, provider.clone())?;

    let objects: Vec<_> = store.list(None).try_collect().await?;
    println!("{} objects in {}", objects.len(), place.bucket);

    let path = Path::from("object_store-example");
    let text = vec![b'x'; support::number("OBJECT_MIB", 12)? << 20];
    let (first, rest) = text.split_at(PART.min(text.len()));
    let mut upload = WriteMultipart::new_with_chunk_size(store.put_multipart(&path).await?, PART);
    upload.write(first);
    // Each part is sent when it is complete.
    upload.wait_for_capacity(0).await?;
    place.rotate(&provider).await?;
    for part in rest.chunks(PART) {
        upload.write(part);
        upload.wait_for_capacity(1).await?;
    }
    upload.finish().await?;

    for _ in 0..support::number("ROUNDS", 1)? {
        let read = store.get_range(&path, 0..1024).await?;
        assert_eq!(read, text[..1024]);
    }
    let read = store.get(&path).await?.bytes().await?;
    assert_eq!(read, text);
    println!("wrote and read {} bytes", read.len());
    if support::var("PRESIGN").is_some() {
        // No longer than the session lasts.
        let url = store.signed_url(http::Method::GET, &path, Duration::from_secs(60));
        println!("{}", url.await?);
        return Ok(());
    }
    store.delete(&path).await?;
    place.check_rotation()?;
    refusal(&place).await
}

/// Shows the error of a role that does not admit the account.
async fn refusal(place: &Place) -> Result<(), Box<dyn Error>> {
    let Some(provider) = place.refused().await? else {
        return Ok(());
    };
    println!("\nAnd when the role's trust policy doesn't match:");
    let store = store(place, provider)?;
    match store.list(None).try_collect::<Vec<_>>().await {
        Ok(_) => Err("the role was assumed although its trust policy names another account".into()),
        Err(error) => {
            support::print_error(&error);
            Ok(())
        }
    }
}

fn store(
    place: &Place,
    provider: GoogleWebIdentityProvider,
) -> Result<AmazonS3, object_store::Error> {
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&place.bucket)
        .with_region(&place.region)
        .with_credentials(Arc::new(provider));
    if let Some(endpoint) = &place.endpoint {
        builder = builder
            .with_endpoint(endpoint)
            .with_allow_http(endpoint.starts_with("http://"));
    }
    builder.build()
}
