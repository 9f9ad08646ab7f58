//! Uploads in parts: each upload is a directory below [`UPLOADS`] in the bucket, each part a file in it, so that parts count
//! for the quota, survive a restart and can be sent to any replica. The [end](super::completion) makes an object of them in one
//! transaction that takes the parts away: it has their stripes where it can, and what it needs besides is counted no second time.

use portal::Caller;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CopyPartResult, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ListPartsInput, ListPartsOutput, Part as ListedPart, UploadPartCopyInput,
    UploadPartCopyOutput, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Request, S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::attributes::{ATTRIBUTE, Attributes, expires_text, last_modified};
use super::body::{Claims, hex};
use super::face::Face;
use super::fault;
use super::object_key::{ObjectKey, UPLOADS};
use super::read::Object;
use super::uploads;
use super::write::{encoding_kept, metadata_of, pour, source_of};
use crate::file::{Ending, FileError, FilePath, Files};
use crate::model::effect::Effect;
use crate::model::inode::Inode;

/// Numbers of parts (S3's "Amazon S3 multipart upload limits").
const PARTS: std::ops::RangeInclusive<i32> = 1..=10_000;
/// Parts that one listing has at most.
const LISTED_MAX: i32 = 1_000;

/// What is kept of an upload on its way, with its directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Started {
    form: u8,
    pub(super) key: String,
    pub(super) attributes: Attributes,
    pub(super) started_ms: i64,
}

/// Where an upload's directory is; `None` for what can't be an upload's id.
pub(super) fn directory_of(upload: &str) -> Option<FilePath> {
    let is_id = upload.len() == 32 && upload.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_id {
        return None;
    }
    FilePath::parse(&format!("{UPLOADS}/{upload}")).ok()
}

/// What is kept of an upload; `None`: there is no such upload.
pub(super) async fn started_read(files: &Files, directory: &FilePath) -> S3Result<Option<Started>> {
    let inode = match files.stat(directory).await {
        Ok(inode) => inode,
        Err(FileError::NotFound(_) | FileError::NotADirectory(_)) => return Ok(None),
        Err(error) => return Err(fault::of_file(error)),
    };
    let xattrs = files.names().xattrs(inode.ino).await.map_err(fault::of_names)?;
    let kept = xattrs.into_iter().find(|(name, _)| name == ATTRIBUTE);
    Ok(kept.and_then(|(_, value)| serde_json::from_slice(&value).ok()))
}

pub(super) fn unknown() -> s3s::S3Error {
    s3_error!(NoSuchUpload, "There is no such upload: it was finished, aborted, or given up after a week.")
}

/// The directory of an upload to this key. Errors: `NoSuchUpload`.
pub(super) async fn upload_of(files: &Files, upload: &str, key: &str) -> S3Result<(FilePath, Started)> {
    let directory = directory_of(upload).ok_or_else(unknown)?;
    let started = started_read(files, &directory).await?.filter(|started| started.key == key);
    started.map(|started| (directory, started)).ok_or_else(unknown)
}

pub(super) fn part_path(directory: &FilePath, number: i32) -> S3Result<FilePath> {
    if !PARTS.contains(&number) {
        return Err(s3_error!(InvalidArgument, "A part's number is 1 to 10000."));
    }
    FilePath::parse(&format!("{directory}/{number:05}")).map_err(fault::of_file)
}

impl Face {
    pub(super) async fn upload_create(
        &self,
        caller: &Caller,
        input: CreateMultipartUploadInput,
    ) -> S3Result<CreateMultipartUploadOutput> {
        if input.tagging.is_some() || input.sse_customer_algorithm.is_some() {
            return Err(s3_error!(NotImplemented, "Tags and keys of customers are not supported."));
        }
        if ObjectKey::parse(&input.key)?.is_directory {
            return Err(s3_error!(
                InvalidArgument,
                "A key that ends in a slash makes a directory, which has no content."
            ));
        }
        let attributes = Attributes {
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding.as_deref().and_then(encoding_kept),
            content_language: input.content_language,
            expires: expires_text(input.expires.as_ref()),
            metadata: metadata_of(input.metadata.as_ref()),
            ..Attributes::default()
        };
        let files = self.files(caller, &input.bucket, true).await?;
        let started_ms = self.storage.db().clock().now_ms();
        let started = Started { form: 1, key: input.key.clone(), attributes: attributes.checked()?, started_ms };
        let upload = uuid::Uuid::now_v7().simple().to_string();
        let directory = directory_of(&upload).ok_or_else(unknown)?;
        let inode = files.directory_make(&directory, true).await.map_err(fault::of_file)?;
        let value = serde_json::to_vec(&started).expect("text in maps is JSON");
        let kept = Effect::XattrPut { ino: inode.ino, name: ATTRIBUTE.to_owned(), value };
        files.names().apply(vec![kept]).await.map_err(fault::of_names)?;
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(super) async fn part_put(
        &self,
        caller: &Caller,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<UploadPartOutput> {
        let S3Request { input, headers, trailing_headers, .. } = request;
        let files = self.files(caller, &input.bucket, true).await?;
        let (directory, _) = upload_of(&files, &input.upload_id, &input.key).await?;
        let path = part_path(&directory, input.part_number)?;
        let claims = Claims::of(&headers, input.content_length, input.content_md5.as_ref(), trailing_headers.as_ref());
        let _place = self.place(caller).await?;
        let mut upload = files.upload(&path).await.map_err(fault::of_file)?;
        let digest = claims.pass(input.body, &mut upload).await?;
        let mut attributes = Attributes { etag: digest.md5, ..Attributes::default() };
        attributes.checksums_set(&digest.checksum);
        let ending = Ending { attributes: &|inode: &Inode| attributes.stored(inode), ..Ending::PLAIN };
        upload.finish_as(&ending).await.map_err(of_part)?;
        Ok(UploadPartOutput {
            e_tag: Some(attributes.e_tag()),
            checksum_crc32: digest.checksum.checksum_crc32,
            checksum_crc32c: digest.checksum.checksum_crc32c,
            checksum_crc64nvme: digest.checksum.checksum_crc64nvme,
            checksum_sha1: digest.checksum.checksum_sha1,
            checksum_sha256: digest.checksum.checksum_sha256,
            ..UploadPartOutput::default()
        })
    }

    pub(super) async fn part_copy(
        &self,
        caller: &Caller,
        input: UploadPartCopyInput,
    ) -> S3Result<UploadPartCopyOutput> {
        let (from_bucket, from_key) = source_of(&input.copy_source)?;
        let files = self.files(caller, &input.bucket, true).await?;
        let (directory, _) = upload_of(&files, &input.upload_id, &input.key).await?;
        let path = part_path(&directory, input.part_number)?;
        let source = self.files(caller, from_bucket, false).await?;
        let object = Object::find(&source, &ObjectKey::parse(from_key)?).await?;
        let range = copied_range(input.copy_source_range.as_deref(), object.inode.size)?;
        let _place = self.place(caller).await?;
        let mut upload = files.upload(&path).await.map_err(fault::of_file)?;
        pour(&source, &object.inode, range.clone(), &mut upload).await?;
        // The MD5 of what was copied is not known; the part only has to be told apart.
        let etag = format!("{}-{}-{}", object.attributes.etag, range.start, range.end);
        let attributes = Attributes { etag: md5_hex(etag.as_bytes()), ..Attributes::default() };
        let ending = Ending { attributes: &|inode: &Inode| attributes.stored(inode), ..Ending::PLAIN };
        let inode = upload.finish_as(&ending).await.map_err(of_part)?;
        let result = CopyPartResult {
            e_tag: Some(attributes.e_tag()),
            last_modified: Some(last_modified(&inode)),
            ..CopyPartResult::default()
        };
        Ok(UploadPartCopyOutput { copy_part_result: Some(result), ..UploadPartCopyOutput::default() })
    }

    pub(super) async fn upload_abort(
        &self,
        caller: &Caller,
        input: AbortMultipartUploadInput,
    ) -> S3Result<AbortMultipartUploadOutput> {
        let files = self.files(caller, &input.bucket, true).await?;
        let (directory, _) = upload_of(&files, &input.upload_id, &input.key).await?;
        uploads::clear(&files, &directory).await.map_err(of_part)?;
        Ok(AbortMultipartUploadOutput::default())
    }

    pub(super) async fn parts(&self, caller: &Caller, input: ListPartsInput) -> S3Result<ListPartsOutput> {
        let files = self.files(caller, &input.bucket, false).await?;
        let (directory, _) = upload_of(&files, &input.upload_id, &input.key).await?;
        let limit = input.max_parts.unwrap_or(LISTED_MAX).clamp(1, LISTED_MAX);
        let after = input.part_number_marker.map(|number| format!("{:05}", number.clamp(0, *PARTS.end())));
        let after = after.and_then(|after| crate::model::name::Name::try_from(after).ok());
        let mut entries = files.list(&directory, after.as_ref(), limit as usize + 1).await.map_err(fault::of_file)?;
        let is_truncated = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        let mut parts = Vec::new();
        for entry in entries {
            let attributes = Attributes::read(files.names(), &entry.inode).await?;
            let sums = attributes.checksum();
            parts.push(ListedPart {
                part_number: entry.name.as_str().parse().ok(),
                e_tag: Some(attributes.e_tag()),
                size: Some(entry.inode.size as i64),
                last_modified: Some(last_modified(&entry.inode)),
                checksum_crc32: sums.checksum_crc32,
                checksum_crc32c: sums.checksum_crc32c,
                checksum_crc64nvme: sums.checksum_crc64nvme,
                checksum_sha1: sums.checksum_sha1,
                checksum_sha256: sums.checksum_sha256,
            });
        }
        let last = parts.last().and_then(|part| part.part_number).filter(|_| is_truncated);
        Ok(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            part_number_marker: input.part_number_marker,
            next_part_number_marker: last,
            max_parts: Some(limit),
            is_truncated: Some(is_truncated),
            parts: Some(parts),
            ..ListPartsOutput::default()
        })
    }
}

/// A part's directory goes when the upload is aborted or completed meanwhile.
pub(super) fn of_part(error: FileError) -> s3s::S3Error {
    match error {
        FileError::NotFound(_) => unknown(),
        error => fault::of_file(error),
    }
}

/// `bytes=FIRST-LAST`, whole. Errors: `InvalidArgument`, `InvalidRange`.
fn copied_range(range: Option<&str>, size: u64) -> S3Result<std::ops::Range<u64>> {
    let Some(text) = range else { return Ok(0..size) };
    let bounds = text.strip_prefix("bytes=").and_then(|bounds| bounds.split_once('-'));
    let bounds = bounds.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    let (first, last) = bounds.ok_or_else(|| s3_error!(InvalidArgument, "The range is written bytes=FIRST-LAST."))?;
    if first > last || last >= size {
        return Err(s3_error!(InvalidRange, "The source has {size} bytes."));
    }
    Ok(first..last + 1)
}

pub(super) fn md5_hex(bytes: &[u8]) -> String {
    hex(&<s3s::crypto::Md5 as s3s::crypto::Checksum>::checksum(bytes))
}

#[cfg(test)]
mod tests;
