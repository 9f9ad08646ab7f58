//! Objects written: PUT, copies, deletion.
//!
//! Directories that a key needs are made with it and marked, so that they go again with their last object, as if they had
//! never been there: S3 has none. Directories that somebody made, by a mount or as a key that ends in a slash, stay.

use std::collections::BTreeMap;

use portal::Caller;
use s3s::dto::{
    CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETagCondition, Metadata, MetadataDirective, PutObjectInput,
    PutObjectOutput,
};
use s3s::{S3Request, S3Result, s3_error};

use super::attributes::{Attributes, expires_text, last_modified, names};
use super::body::{Claims, hex};
use super::face::Face;
use super::fault;
use super::object_key::ObjectKey;
use super::read::{Conditions, Object};
use crate::file::{Ending, FileError, FilePath, Files, Replaces, Upload};
use crate::model::effect::Effect;
use crate::model::inode::Inode;

/// Marks a directory that was made for a key's sake alone.
const IMPLIED: &str = "user.amphi.s3.implied";

impl Face {
    pub(super) async fn object_put(
        &self,
        caller: &Caller,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<PutObjectOutput> {
        let S3Request { input, headers, trailing_headers, .. } = request;
        if input.tagging.is_some() || input.sse_customer_algorithm.is_some() || input.write_offset_bytes.is_some() {
            return Err(s3_error!(NotImplemented, "Tags, keys of customers and appending are not supported."));
        }
        let key = ObjectKey::parse(&input.key)?;
        let mut attributes = attributes_of(&input)?;
        let files = self.files(caller, &input.bucket, true).await?;
        let replaces = replaceable(&files, &key, input.if_match.as_ref(), input.if_none_match.as_ref()).await?;
        let claims = Claims::of(&headers, input.content_length, input.content_md5.as_ref(), trailing_headers.as_ref());
        let _place = self.place(caller).await?;
        if key.is_directory {
            return directory_put(&files, &key, attributes, input.content_length).await;
        }
        let mut upload = upload_to(&files, &key.path).await?;
        let digest = claims.pass(input.body, &mut upload).await?;
        attributes.etag = digest.md5;
        attributes.checksums_set(&digest.checksum);
        let ending = Ending { attributes: &|inode: &Inode| attributes.stored(inode), replaces, along: &[] };
        finish(&files, &key.path, upload, &ending).await?;
        Ok(PutObjectOutput {
            e_tag: Some(attributes.e_tag()),
            checksum_crc32: digest.checksum.checksum_crc32,
            checksum_crc32c: digest.checksum.checksum_crc32c,
            checksum_crc64nvme: digest.checksum.checksum_crc64nvme,
            checksum_sha1: digest.checksum.checksum_sha1,
            checksum_sha256: digest.checksum.checksum_sha256,
            ..PutObjectOutput::default()
        })
    }

    pub(super) async fn object_copy(&self, caller: &Caller, input: CopyObjectInput) -> S3Result<CopyObjectOutput> {
        let (from_bucket, from_key) = source_of(&input.copy_source)?;
        let (from, to) = (ObjectKey::parse(from_key)?, ObjectKey::parse(&input.key)?);
        if from.is_directory || to.is_directory {
            return Err(s3_error!(InvalidArgument, "A directory can't be copied; copy the objects in it."));
        }
        let replaces_attributes =
            input.metadata_directive.as_ref().is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let is_same_bucket = from_bucket == input.bucket;
        if is_same_bucket && from == to && !replaces_attributes {
            return Err(s3_error!(InvalidRequest, "A copy onto itself has to replace the metadata."));
        }
        let target = self.files(caller, &input.bucket, true).await?;
        let source = if is_same_bucket { target.clone() } else { self.files(caller, from_bucket, false).await? };
        let object = Object::find(&source, &from).await?;
        source_conditions(&input).check_source(&object.attributes.etag, &last_modified(&object.inode))?;
        let mut attributes = object.attributes.clone();
        if replaces_attributes {
            let given = attributes_of_copy(&input)?;
            attributes = Attributes { etag: attributes.etag, checksums: attributes.checksums, ..given };
        }
        let ending = Ending { attributes: &|inode: &Inode| attributes.stored(inode), ..Ending::PLAIN };
        let inode = if is_same_bucket {
            parents_make(&target, &to.path).await?;
            target.copy_as(&from.path, &to.path, &ending).await.map_err(fault::of_file)?
        } else {
            let _place = self.place(caller).await?;
            let mut upload = upload_to(&target, &to.path).await?;
            pour(&source, &object.inode, 0..object.inode.size, &mut upload).await?;
            finish(&target, &to.path, upload, &ending).await?
        };
        let result = CopyObjectResult {
            e_tag: Some(attributes.e_tag()),
            last_modified: Some(last_modified(&inode)),
            ..CopyObjectResult::default()
        };
        Ok(CopyObjectOutput { copy_object_result: Some(result), ..CopyObjectOutput::default() })
    }

    pub(super) async fn object_delete(
        &self,
        caller: &Caller,
        input: DeleteObjectInput,
    ) -> S3Result<DeleteObjectOutput> {
        let files = self.files(caller, &input.bucket, true).await?;
        delete(&files, &input.key).await?;
        Ok(DeleteObjectOutput::default())
    }

    pub(super) async fn objects_delete(
        &self,
        caller: &Caller,
        input: DeleteObjectsInput,
    ) -> S3Result<DeleteObjectsOutput> {
        if input.delete.objects.len() > 1_000 {
            return Err(s3_error!(MalformedXML, "At most 1,000 keys are deleted by one request."));
        }
        let files = self.files(caller, &input.bucket, true).await?;
        let is_quiet = input.delete.quiet.unwrap_or(false);
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in input.delete.objects {
            match delete(&files, &object.key).await {
                Ok(()) if is_quiet => {}
                Ok(()) => deleted.push(DeletedObject { key: Some(object.key), ..DeletedObject::default() }),
                Err(error) => errors.push(s3s::dto::Error {
                    key: Some(object.key),
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    version_id: None,
                }),
            }
        }
        Ok(DeleteObjectsOutput { deleted: Some(deleted), errors: Some(errors), request_charged: None })
    }
}

/// What a put or a copy may replace. Errors: `PreconditionFailed`, `NoSuchKey` for If-Match where nothing is.
pub(super) async fn replaceable(
    files: &Files,
    key: &ObjectKey,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Replaces> {
    if if_match.is_none() && if_none_match.is_none() {
        return Ok(Replaces::Whatever);
    }
    let failed = || s3_error!(PreconditionFailed, "The object is not as the request wants it.");
    let object = Object::find_maybe(files, key).await?;
    match (object, if_match, if_none_match) {
        (None, Some(_), _) => Err(s3_error!(NoSuchKey, "There is no such object.")),
        (None, None, _) => Ok(Replaces::Nothing),
        (Some(object), Some(wanted), _) if !names(wanted, &object.attributes.etag) => Err(failed()),
        (Some(object), _, Some(known)) if names(known, &object.attributes.etag) => Err(failed()),
        (Some(object), ..) => Ok(Replaces::This(object.inode.ino)),
    }
}

/// A key that ends in a slash makes a directory.
async fn directory_put(
    files: &Files,
    key: &ObjectKey,
    mut attributes: Attributes,
    length: Option<i64>,
) -> S3Result<PutObjectOutput> {
    if length.is_some_and(|length| length > 0) {
        return Err(s3_error!(InvalidArgument, "A key that ends in a slash makes a directory, which has no content."));
    }
    parents_make(files, &key.path).await?;
    let inode = files.directory_make(&key.path, true).await.map_err(fault::of_file)?;
    attributes.etag = hex(&<s3s::crypto::Md5 as s3s::crypto::Checksum>::checksum(b""));
    let put = |(name, value)| Effect::XattrPut { ino: inode.ino, name, value };
    let mut effects: Vec<_> = attributes.stored(&inode).into_iter().map(put).collect();
    effects.push(Effect::XattrRemove { ino: inode.ino, name: IMPLIED.to_owned() });
    files.names().apply(effects).await.map_err(fault::of_names)?;
    Ok(PutObjectOutput { e_tag: Some(attributes.e_tag()), ..PutObjectOutput::default() })
}

/// Begins an upload, with the directories it needs.
pub(super) async fn upload_to(files: &Files, path: &FilePath) -> S3Result<Upload> {
    match files.upload(path).await {
        Err(FileError::NotFound(_)) => {
            parents_make(files, path).await?;
            files.upload(path).await.map_err(fault::of_file)
        }
        result => result.map_err(fault::of_file),
    }
}

/// Ends an upload. Its directories may have gone meanwhile, with the last object in them: they are made again.
pub(super) async fn finish(files: &Files, path: &FilePath, mut upload: Upload, ending: &Ending<'_>) -> S3Result<Inode> {
    upload.end().await.map_err(fault::of_file)?;
    match upload.name_as(ending).await {
        Err(FileError::NotFound(_)) => {
            parents_make(files, path).await?;
            upload.name_as(ending).await.map_err(fault::of_file)
        }
        result => result.map_err(fault::of_file),
    }
}

/// Makes the directories that `path` needs, and marks those it made.
pub(super) async fn parents_make(files: &Files, path: &FilePath) -> S3Result<()> {
    let depth = path.parts().len();
    for depth in 1..depth {
        match files.directory_make(&path.first(depth), false).await {
            Ok(inode) => {
                let mark = Effect::XattrPut { ino: inode.ino, name: IMPLIED.to_owned(), value: vec![1] };
                files.names().apply(vec![mark]).await.map_err(fault::of_names)?;
            }
            Err(FileError::Exists(_)) => {}
            Err(error) => return Err(fault::of_file(error)),
        }
    }
    Ok(())
}

/// Moves bytes of one file into an upload.
pub(super) async fn pour(from: &Files, inode: &Inode, range: std::ops::Range<u64>, to: &mut Upload) -> S3Result<()> {
    let mut stream = std::pin::pin!(from.read(inode, range));
    while let Some(bytes) = futures::StreamExt::next(&mut stream).await {
        to.push(bytes.map_err(fault::of_file)?).await.map_err(fault::of_file)?;
    }
    Ok(())
}

/// Removes what a key names; nothing there is no fault.
async fn delete(files: &Files, key: &str) -> S3Result<()> {
    let key = ObjectKey::parse(key)?;
    let Some(object) = Object::find_maybe(files, &key).await? else { return Ok(()) };
    match files.remove(&key.path, false).await {
        Ok(()) | Err(FileError::NotFound(_)) => prune(files, &key.path).await,
        Err(FileError::NotEmpty(_)) => {
            // Only the key goes: what is in the directory keeps it.
            let ino = object.inode.ino;
            let name = super::attributes::ATTRIBUTE.to_owned();
            let mark = Effect::XattrPut { ino, name: IMPLIED.to_owned(), value: vec![1] };
            files.names().apply(vec![Effect::XattrRemove { ino, name }, mark]).await.map_err(fault::of_names)?;
            Ok(())
        }
        Err(error) => Err(fault::of_file(error)),
    }
}

/// Removes the marked directories above `path` that are empty now.
async fn prune(files: &Files, path: &FilePath) -> S3Result<()> {
    for depth in (1..path.parts().len()).rev() {
        let directory = path.first(depth);
        let Ok(inode) = files.stat(&directory).await else { return Ok(()) };
        let xattrs = files.names().xattrs(inode.ino).await.map_err(fault::of_names)?;
        if !xattrs.iter().any(|(name, _)| name == IMPLIED) || files.remove(&directory, false).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Bucket and key of a copy's source.
pub(super) fn source_of(source: &CopySource) -> S3Result<(&str, &str)> {
    match source {
        CopySource::Bucket { bucket, key, version_id: None } => Ok((bucket, key)),
        CopySource::Bucket { .. } => Err(s3_error!(NotImplemented, "Objects have no versions; snapshots are buckets.")),
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
            Err(s3_error!(NotImplemented, "There are no access points; name the bucket."))
        }
    }
}

fn source_conditions(input: &CopyObjectInput) -> Conditions {
    Conditions {
        if_match: input.copy_source_if_match.clone(),
        if_unmodified_since: input.copy_source_if_unmodified_since.clone(),
        if_none_match: input.copy_source_if_none_match.clone(),
        if_modified_since: input.copy_source_if_modified_since.clone(),
    }
}

pub(super) fn metadata_of(metadata: Option<&Metadata>) -> BTreeMap<String, String> {
    metadata.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn attributes_of(input: &PutObjectInput) -> S3Result<Attributes> {
    let attributes = Attributes {
        content_type: input.content_type.clone(),
        cache_control: input.cache_control.clone(),
        content_disposition: input.content_disposition.clone(),
        content_encoding: input.content_encoding.as_deref().and_then(encoding_kept),
        content_language: input.content_language.clone(),
        expires: expires_text(input.expires.as_ref()),
        metadata: metadata_of(input.metadata.as_ref()),
        ..Attributes::default()
    };
    attributes.checked()
}

fn attributes_of_copy(input: &CopyObjectInput) -> S3Result<Attributes> {
    let attributes = Attributes {
        content_type: input.content_type.clone(),
        cache_control: input.cache_control.clone(),
        content_disposition: input.content_disposition.clone(),
        content_encoding: input.content_encoding.as_deref().and_then(encoding_kept),
        content_language: input.content_language.clone(),
        expires: expires_text(input.expires.as_ref()),
        metadata: metadata_of(input.metadata.as_ref()),
        ..Attributes::default()
    };
    attributes.checked()
}

/// `aws-chunked` says how the body came, not what the object is.
pub(super) fn encoding_kept(encoding: &str) -> Option<String> {
    let kept: Vec<_> =
        encoding.split(',').map(str::trim).filter(|part| *part != "aws-chunked" && !part.is_empty()).collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}
