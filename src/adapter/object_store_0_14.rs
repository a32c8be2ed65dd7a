//! [`object_store`] 0.14.

use crate::aws::session::Session;
use crate::provider::GoogleWebIdentityProvider;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
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
#[async_trait::async_trait]
impl CredentialProvider for GoogleWebIdentityProvider {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let credential = self.pick(Session::object_store_credential).await;
        credential.map_err(|error| object_store::Error::Generic {
            store: STORE,
            source: Box::new(error),
        })
    }
}
