//! What this crate does, without a cloud, an account or a network: a Google, an AWS STS and an S3
//! server in process, all of them verifying what the real ones verify.

use aws_google_web_identity::trust_policy::{ConditionKeys, TrustPolicy};
use aws_google_web_identity::{GoogleWebIdentityProvider, LocalKey};
use aws_google_web_identity_emulator::{Call, Emulator, Role};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::primitives::ByteStream;
use std::error::Error;

const ROBOT: &str = "robot@demo-project.iam.gserviceaccount.com";
const AUDIENCE: &str = "https://myservice.example.com";
const ROLE: &str = "arn:aws:iam::123456789012:role/demo";
const STRANGE_ROLE: &str = "arn:aws:iam::123456789012:role/not-for-robots";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The two clouds.
    let emulator = Emulator::start().await?;
    let somebody_else = ConditionKeys::from_claims(None, AUDIENCE, "100000000000000000009");
    let strange_policy = TrustPolicy::admitting(&somebody_else);
    emulator.put_role(Role::new(STRANGE_ROLE).trust_policy(&strange_policy))?;
    let directory = tempfile::tempdir()?;
    std::fs::create_dir(directory.path().join("photos"))?;
    let s3_server = emulator.serve_s3(directory.path(), 0)?;
    let s3_endpoint = s3_server.endpoint();
    println!(
        "in process: Google {}, AWS STS {}, S3 {s3_endpoint}\n",
        emulator.token_uri(),
        emulator.sts_endpoint()
    );

    // What your program does.
    let key = LocalKey::from_json(emulator.key_file_json(ROBOT)?)?;
    println!(
        "1 identity     {} signs with its own key; no AWS key is stored anywhere",
        key.email()
    );
    let provider = GoogleWebIdentityProvider::builder(ROLE)
        .audience(AUDIENCE)
        .signer(key.clone())
        .configure(&emulator.sdk_config())
        .build()
        .await?;
    let session = provider.session().await?;

    // What went over the wire.
    let exchange = &emulator.requests_of(Call::TokenEndpoint)[0];
    println!(
        "2 assertion    {}",
        exchange.assertion_claims().unwrap_or_default()
    );
    let assume = &emulator.requests_of(Call::Sts)[0];
    println!(
        "3 ID token     {}",
        assume.id_token_claims().unwrap_or_default()
    );
    println!(
        "4 AWS STS      {}",
        session.assumed_role_arn().unwrap_or("assumed the role")
    );
    println!(
        "5 credentials  {}, good for {} s",
        session.credentials().access_key_id(),
        session
            .expires_at()
            .duration_since(emulator.now())?
            .as_secs()
    );

    let config = emulator
        .sdk_config()
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .endpoint_url(&s3_endpoint)
        .build();
    let s3 = aws_sdk_s3::Client::new(&config);
    let buckets = s3.list_buckets().send().await?;
    let names: Vec<_> = buckets
        .buckets()
        .iter()
        .filter_map(|bucket| bucket.name())
        .collect();
    println!("6 S3           buckets: {names:?}");
    let text = "hello from a Google identity";
    s3.put_object()
        .bucket("photos")
        .key("hello.txt")
        .body(ByteStream::from_static(text.as_bytes()))
        .send()
        .await?;
    let object = s3
        .get_object()
        .bucket("photos")
        .key("hello.txt")
        .send()
        .await?;
    let read = String::from_utf8(object.body.collect().await?.to_vec())?;
    println!("7 S3           photos/hello.txt written, and read back: {read:?}");

    // What the servers don't let in.
    let stranger = Credentials::new(
        "AKIAIOSFODNN7EXAMPLE",
        "not-issued-by-sts",
        None,
        None,
        "quickstart",
    );
    let config = config
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(stranger))
        .build();
    let refused = aws_sdk_s3::Client::new(&config).list_buckets().send().await;
    println!(
        "8 S3           lets in only what STS issued: other credentials are refused: {}",
        refused.is_err()
    );

    println!("\nAnd when the role's trust policy doesn't match:");
    let provider = GoogleWebIdentityProvider::builder(STRANGE_ROLE)
        .audience(AUDIENCE)
        .signer(key)
        .configure(&emulator.sdk_config())
        .build()
        .await?;
    match provider.session().await {
        Ok(_) => Err("the role was assumed although its trust policy names another account".into()),
        Err(refusal) => {
            println!("{refusal:#}");
            Ok(())
        }
    }
}
