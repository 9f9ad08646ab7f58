//! Buckets: the exports that the account behind the key may see.

use portal::{Caller, Role};
use s3s::dto::{
    Bucket, CreateBucketInput, CreateBucketOutput, DeleteBucketOutput, GetBucketLocationOutput, HeadBucketOutput,
    ListBucketsInput, ListBucketsOutput, Owner, Timestamp, TimestampFormat,
};
use s3s::{S3Result, s3_error};

use super::face::Face;
use super::fault;
use super::object_key::UPLOADS;
use crate::ServiceError;
use crate::file::{FilePath, Files};
use crate::service::export::{ExportNew, ExportView};

/// The volume that a bucket is made on, unless there is only one.
const VOLUME: &str = "home";
/// Characters of a bucket's name, at least: an export with a shorter one is none.
const NAME_MIN: usize = 3;

impl Face {
    /// The files of a bucket, for what the caller may do there.
    pub(super) async fn files(&self, caller: &Caller, bucket: &str, wants_write: bool) -> S3Result<Files> {
        self.storage.files(caller, bucket, wants_write).await.map_err(fault::of_service)
    }

    pub(super) async fn buckets(&self, caller: &Caller, input: &ListBucketsInput) -> S3Result<ListBucketsOutput> {
        let exports = self.storage.export_views(caller).await.map_err(fault::of_service)?;
        let prefix = input.prefix.as_deref().unwrap_or_default();
        let is_bucket = |export: &ExportView| export.name.len() >= NAME_MIN && export.name.starts_with(prefix);
        let buckets = exports.into_iter().filter(is_bucket).map(|export| Bucket {
            name: Some(export.name),
            creation_date: Timestamp::parse(TimestampFormat::DateTime, &export.created).ok(),
            bucket_region: None,
        });
        let owner = Owner { id: Some(caller.account.to_string()), display_name: Some(caller.login.clone()) };
        let prefix = input.prefix.clone();
        Ok(ListBucketsOutput { buckets: Some(buckets.collect()), owner: Some(owner), prefix, continuation_token: None })
    }

    pub(super) async fn bucket_check(&self, caller: &Caller, bucket: &str) -> S3Result<HeadBucketOutput> {
        self.storage.namespace(caller, bucket, false).await.map_err(fault::of_service)?;
        Ok(HeadBucketOutput::default())
    }

    /// There is one region, and it has no name.
    pub(super) async fn bucket_location(&self, caller: &Caller, bucket: &str) -> S3Result<GetBucketLocationOutput> {
        self.bucket_check(caller, bucket).await?;
        Ok(GetBucketLocationOutput::default())
    }

    /// Makes an export. Errors: `AccessDenied` for who is no operator.
    pub(super) async fn bucket_create(
        &self,
        caller: &Caller,
        input: CreateBucketInput,
    ) -> S3Result<CreateBucketOutput> {
        operator_only(caller)?;
        let misnamed = || {
            let rule = "a to z, 0 to 9, and - or . between them";
            s3_error!(InvalidBucketName, "A bucket's name has {NAME_MIN} to 63 characters: {rule}.")
        };
        if input.bucket.len() < NAME_MIN {
            return Err(misnamed());
        }
        let volumes = self.storage.volume_views(caller).await.map_err(fault::of_service)?;
        let volume = match volumes.as_slice() {
            [only] => Some(only),
            several => several.iter().find(|volume| volume.name == VOLUME),
        };
        let message = "There is no volume to make it on: `amphi volume create` makes one.";
        let volume = volume.ok_or_else(|| s3_error!(InvalidRequest, "{}", message))?;
        let new = ExportNew { name: input.bucket, ..ExportNew::default() };
        match self.storage.export_create(caller, &volume.name, new).await {
            Ok(export) => Ok(CreateBucketOutput { location: Some(format!("/{}", export.name)) }),
            Err(ServiceError::NameTaken(_)) => {
                Err(s3_error!(BucketAlreadyOwnedByYou, "There is an export of this name."))
            }
            Err(ServiceError::Name(_)) => Err(misnamed()),
            Err(error) => Err(fault::of_service(error)),
        }
    }

    /// Removes an export that has no objects. Errors: `AccessDenied` for who is no operator, `BucketNotEmpty`.
    pub(super) async fn bucket_delete(&self, caller: &Caller, bucket: &str) -> S3Result<DeleteBucketOutput> {
        operator_only(caller)?;
        let files = self.files(caller, bucket, true).await?;
        let entries = files.list(&FilePath::default(), None, 2).await.map_err(fault::of_file)?;
        if entries.iter().any(|entry| entry.name.as_str() != UPLOADS) {
            return Err(s3_error!(BucketNotEmpty, "There are objects or directories in the bucket."));
        }
        match self.storage.export_remove(caller, bucket).await {
            Ok(()) => Ok(DeleteBucketOutput {}),
            Err(error @ (ServiceError::ExportBusy { .. } | ServiceError::ExportHasSnapshots { .. })) => {
                Err(s3_error!(OperationAborted, "{error}"))
            }
            Err(error) => Err(fault::of_service(error)),
        }
    }
}

fn operator_only(caller: &Caller) -> S3Result<()> {
    if caller.has(Role::Operator) {
        return Ok(());
    }
    Err(s3_error!(AccessDenied, "Buckets are made and removed by operators."))
}
