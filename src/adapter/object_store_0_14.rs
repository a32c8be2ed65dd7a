//! [`object_store`] 0.14.

use crate::aws::session::Session;
use crate::provider::GoogleWebIdentityProvider;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use std::pin::Pin;
use std::sync::Arc;

/// The name of the store in errors.
const STORE: &str = "S3";

/// Credentials for [`AmazonS3Builder::with_credentials`][hook].
///
/// `object_store` asks for each request and caches nothing. A hit costs the same as for the AWS SDK
/// and one allocation, that of the trait's boxed future.
///
/// A failure is an [`object_store::Error::Generic`] whose source is the crate's
/// [`Error`](crate::Error); `{:#}` of that source is the full explanation.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use aws_google_web_identity::GoogleWebIdentityProvider;
/// use object_store::aws::AmazonS3Builder;
/// use std::sync::Arc;
///
/// let provider = GoogleWebIdentityProvider::from_env().build().await?;
/// let store = AmazonS3Builder::new()
///     .with_bucket_name("my-bucket")
///     .with_region("eu-west-1")
///     .with_credentials(Arc::new(provider))
///     .build()?;
/// # Ok(())
/// # }
/// ```
///
/// [hook]: https://docs.rs/object_store/0.14/object_store/aws/struct.AmazonS3Builder.html#method.with_credentials
impl CredentialProvider for GoogleWebIdentityProvider {
    type Credential = AwsCredential;

    // Written out instead of by `async_trait`: the future of a hit is a small one that is ready.
    fn get_credential<'a, 'b>(&'a self) -> BoxFuture<'b>
    where
        'a: 'b,
        Self: 'b,
    {
        self.cached_or(
            |session| -> BoxFuture<'b> {
                Box::pin(std::future::ready(Ok(session.object_store_credential())))
            },
            || Box::pin(credential(self)),
        )
    }
}

type BoxFuture<'a> =
    Pin<Box<dyn Future<Output = object_store::Result<Arc<AwsCredential>>> + Send + 'a>>;

async fn credential(
    provider: &GoogleWebIdentityProvider,
) -> object_store::Result<Arc<AwsCredential>> {
    let credential = provider.pick(Session::object_store_credential).await;
    credential.map_err(|error| object_store::Error::Generic {
        store: STORE,
        source: Box::new(error),
    })
}
