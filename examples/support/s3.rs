//! An S3 server in process, over a directory, that verifies SigV4 and the session token.

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListObjectsV2Input, ListObjectsV2Output, PutObjectInput,
    PutObjectOutput, UploadPartInput, UploadPartOutput,
};
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Secret key and session token of an access key id, if there is one.
pub type Lookup = Arc<dyn Fn(&str) -> Option<(String, String)> + Send + Sync>;

struct Issued(Lookup);

#[async_trait::async_trait]
impl S3Auth for Issued {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match (self.0)(access_key) {
            Some((secret, _)) => Ok(SecretKey::from(secret)),
            None => Err(s3_error!(InvalidAccessKeyId)),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Issued {
    /// s3s verifies the signature and knows nothing of session tokens.
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let sent = cx
            .headers()
            .get("x-amz-security-token")
            .and_then(|token| token.to_str().ok());
        let issued = cx
            .credentials()
            .and_then(|credentials| (self.0)(&credentials.access_key));
        match (sent, issued) {
            (Some(sent), Some((_, token))) if sent == token => Ok(()),
            (Some(_), Some(_)) => Err(s3_error!(InvalidToken)),
            _ => Err(s3_error!(AccessDenied)),
        }
    }
}

/// The files, without their own rule that only the key that began an upload may continue it. In S3
/// every session of the role may.
struct Files(s3s_fs::FileSystem);

macro_rules! without_credentials {
    ($($call:ident($input:ty) -> $output:ty;)*) => {
        #[async_trait::async_trait]
        impl S3 for Files {
            $(async fn $call(
                &self,
                mut request: S3Request<$input>,
            ) -> S3Result<S3Response<$output>> {
                request.credentials = None;
                self.0.$call(request).await
            })*
        }
    };
}

without_credentials! {
    list_buckets(ListBucketsInput) -> ListBucketsOutput;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    put_object(PutObjectInput) -> PutObjectOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
}

/// Serves `directory`, each folder of which is a bucket, until the runtime ends; returns the
/// endpoint.
pub async fn serve(directory: &Path, lookup: Lookup) -> Result<String, Box<dyn Error>> {
    let files = s3s_fs::FileSystem::new(directory).map_err(|error| format!("{error:?}"))?;
    let mut builder = S3ServiceBuilder::new(Files(files));
    builder.set_auth(Issued(lookup.clone()));
    builder.set_access(Issued(lookup));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let connection =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
            tokio::spawn(connection);
        }
    });
    Ok(endpoint)
}
