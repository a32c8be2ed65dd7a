//! Lists a bucket, writes an object of several parts and reads it back with opendal, while the
//! session rotates. Without variables it works against servers in process.
//!
//! Variables: those of `list_buckets`, and `S3_BUCKET`. `OBJECT_MIB` (default 12) is the object's
//! size, `ROUNDS` (default 1) how often it is read. If `ROTATE` is set, the
//! upload waits for the session's refresh; if `PRESIGN` is set, it prints a presigned URL.

#[path = "support/place.rs"]
mod place;
mod support;

use aws_google_web_identity::{GoogleWebIdentityProvider, RefreshPolicy};
use opendal::Operator;
use opendal::services::S3;
use place::Place;
use reqsign_core::ProvideCredentialChain;
use std::error::Error;
use std::time::Duration;

const PART: usize = 5 << 20;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let place = Place::find().await?;
    // opendal asks for new credentials two minutes before the old ones expire. Kept warm, the
    // provider has them by then.
    let builder = place
        .configure(GoogleWebIdentityProvider::from_env())
        .refresh_policy(RefreshPolicy::new().keep_warm(true));
    let provider = builder.build().await?;
    if let Err(error) = work(&place, &provider).await {
        // opendal drops a provider's error. If that is what failed, the provider still has it.
        provider.session().await?;
        return Err(error);
    }
    if let Some(provider) = place.refused().await? {
        println!("\nAnd when the role's trust policy doesn't match:");
        let refused = operator(&place, provider.clone())?.list("/").await;
        support::print_error(&refused.err().ok_or("the role was assumed")?);
        println!("The provider says why:");
        support::print_error(&provider.session().await.err().ok_or("no refusal")?);
    }
    Ok(())
}

async fn work(place: &Place, provider: &GoogleWebIdentityProvider) -> Result<(), Box<dyn Error>> {
    let operator = operator(place, provider.clone())?;
    let objects = operator.list("/").await?;
    println!("{} objects in {}", objects.len(), place.bucket);

    let path = "opendal-example";
    let text = vec![b'x'; support::number("OBJECT_MIB", 12)? << 20];
    let (first, rest) = text.split_at(PART.min(text.len()));
    let mut writer = operator.writer_with(path).chunk(PART).await?;
    writer.write(first.to_vec()).await?;
    place.rotate(provider).await?;
    for part in rest.chunks(PART) {
        writer.write(part.to_vec()).await?;
    }
    writer.close().await?;

    for _ in 0..support::number("ROUNDS", 1)? {
        let read = operator.read_with(path).range(0..1024).await?;
        assert_eq!(read.to_vec(), text[..1024]);
    }
    let read = operator.read(path).await?;
    assert_eq!(read.to_vec(), text);
    println!("wrote and read {} bytes", read.len());
    if support::var("PRESIGN").is_some() {
        let request = operator.presign_read(path, Duration::from_secs(60)).await?;
        println!("{}", request.uri());
        return Ok(());
    }
    operator.delete(path).await?;
    place.check_rotation()
}

fn operator(
    place: &Place,
    provider: GoogleWebIdentityProvider,
) -> Result<Operator, opendal::Error> {
    let mut s3 = S3::default()
        .bucket(&place.bucket)
        .region(&place.region)
        .credential_provider_chain(ProvideCredentialChain::new().push(provider));
    if let Some(endpoint) = &place.endpoint {
        s3 = s3.endpoint(endpoint);
    }
    Operator::new(s3)
}
