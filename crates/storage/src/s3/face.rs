//! S3's operations, each handed to the file it is about. What is not here answers `NotImplemented`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use portal::Caller;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput, CompleteMultipartUploadOutput,
    CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput,
    GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput,
    ListBucketsOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListObjectsInput, ListObjectsOutput,
    ListObjectsV2Input, ListObjectsV2Output, ListPartsInput, ListPartsOutput, PutObjectInput, PutObjectOutput,
    UploadPartCopyInput, UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::admit::caller_of;
use crate::Storage;

/// Bodies that are written at the same time: each has some stripes in memory.
const PLACES: usize = 64;
/// Of them those of one account: whoever sends slowly holds up no others.
const PLACES_OF_ACCOUNT: usize = 16;
/// How long a body may wait for its turn.
const PATIENCE: Duration = Duration::from_secs(20);

/// See the module's head.
pub(super) struct Face {
    pub(super) storage: Storage,
    places: Arc<Semaphore>,
    /// Those of accounts that are uploading.
    shares: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// The turn of a body; it is over when this is dropped.
pub(super) struct Turn {
    _share: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Face {
    pub(super) fn new(storage: Storage) -> Self {
        Self { storage, places: Arc::new(Semaphore::new(PLACES)), shares: Mutex::default() }
    }

    /// Waits until one more body of the account may be written. Errors: `SlowDown`.
    pub(super) async fn place(&self, caller: &Caller) -> S3Result<Turn> {
        let share = self.share(caller.account.as_str());
        let turn = async {
            Some(Turn {
                _share: share.acquire_owned().await.ok()?,
                _place: self.places.clone().acquire_owned().await.ok()?,
            })
        };
        let turn = tokio::time::timeout(PATIENCE, turn).await.ok().flatten();
        turn.ok_or_else(|| s3_error!(SlowDown, "Too much is being uploaded; try again."))
    }

    fn share(&self, account: &str) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        shares.retain(|_, share| share.strong_count() > 0);
        let known = shares.get(account).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let share = Arc::new(Semaphore::new(PLACES_OF_ACCOUNT));
            shares.insert(account.to_owned(), Arc::downgrade(&share));
            share
        })
    }
}

#[async_trait::async_trait]
impl S3 for Face {
    async fn list_buckets(&self, request: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.buckets(&caller, &request.input).await?))
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.bucket_check(&caller, &request.input.bucket).await?))
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.bucket_location(&caller, &request.input.bucket).await?))
    }

    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.bucket_create(&caller, request.input).await?))
    }

    async fn delete_bucket(&self, request: S3Request<DeleteBucketInput>) -> S3Result<S3Response<DeleteBucketOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.bucket_delete(&caller, &request.input.bucket).await?))
    }

    async fn list_objects(&self, request: S3Request<ListObjectsInput>) -> S3Result<S3Response<ListObjectsOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.objects_v1(&caller, request.input).await?))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.objects_v2(&caller, request.input).await?))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.object_get(&caller, request.input).await?))
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.object_head(&caller, request.input).await?))
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.object_put(&caller, request).await?))
    }

    async fn copy_object(&self, request: S3Request<CopyObjectInput>) -> S3Result<S3Response<CopyObjectOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.object_copy(&caller, request.input).await?))
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.object_delete(&caller, request.input).await?))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.objects_delete(&caller, request.input).await?))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.upload_create(&caller, request.input).await?))
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.part_put(&caller, request).await?))
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.part_copy(&caller, request.input).await?))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.upload_complete(&caller, request.input).await?))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.upload_abort(&caller, request.input).await?))
    }

    async fn list_parts(&self, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.parts(&caller, request.input).await?))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let caller = caller_of(&request)?.clone();
        Ok(S3Response::new(self.uploads(&caller, request.input).await?))
    }
}
