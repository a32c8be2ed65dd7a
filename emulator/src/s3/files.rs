//! The buckets and objects: folders and files.

use s3s::dto::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListObjectsV2Input, ListObjectsV2Output, PutObjectInput,
    PutObjectOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;

/// The files, without their own rule that only the key that began an upload may continue it. In S3
/// every session of the role may.
pub(super) struct Files(FileSystem);

impl Files {
    pub(super) fn new(files: FileSystem) -> Self {
        Self(files)
    }
}

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
