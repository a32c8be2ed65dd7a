//! Writes an object to the bucket `S3_BUCKET` and reads it back.
//!
//! Further variables: those of `list_buckets`.

mod support;

use aws_google_web_identity::GoogleWebIdentityProvider;
use aws_sdk_s3::primitives::ByteStream;
use std::error::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::process::ExitCode {
    support::logs();
    support::exit(run().await)
}

async fn run() -> Result<(), Box<dyn Error>> {
    let bucket = support::required_var("S3_BUCKET", "the bucket to write to")?;
    let key = "aws-google-web-identity.txt";
    let text = "written with a Google identity\n";
    let provider = GoogleWebIdentityProvider::from_env().build().await?;
    let s3 = support::s3_client(provider).await;
    s3.put_object()
        .bucket(&bucket)
        .key(key)
        .body(ByteStream::from_static(text.as_bytes()))
        .send()
        .await?;
    let read = s3.get_object().bucket(&bucket).key(key).send().await?;
    let same = read.body.collect().await?.into_bytes() == text.as_bytes();
    println!(
        "{}",
        serde_json::json!({ "written": key, "read_back": same })
    );
    Ok(())
}
