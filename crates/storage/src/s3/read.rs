//! Objects read: GET and HEAD with conditions and ranges.

use axum::body::Body;
use portal::Caller;
use s3s::dto::{
    Checksum, ChecksumMode, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, Range,
    StreamingBlob, Timestamp,
};
use s3s::{S3Result, s3_error};

use super::attributes::{Attributes, last_modified, names};
use super::face::Face;
use super::fault;
use super::object_key::ObjectKey;
use crate::file::{FileError, Files};
use crate::model::inode::{Inode, Kind};

/// What a file is without S3's having been told.
const CONTENT_TYPE: &str = "application/octet-stream";

/// Conditions of a read (RFC 9110, section 13.2.2: in this order).
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_unmodified_since: Option<Timestamp>,
    pub(super) if_none_match: Option<ETagCondition>,
    pub(super) if_modified_since: Option<Timestamp>,
}

impl Conditions {
    /// Errors: `PreconditionFailed`, `NotModified`.
    fn check(&self, etag: &str, modified: &Timestamp) -> S3Result<()> {
        let failed = || s3_error!(PreconditionFailed, "The object is not as the request wants it.");
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(wanted), _) if !names(wanted, etag) => return Err(failed()),
            (None, Some(since)) if modified > since => return Err(failed()),
            _ => {}
        }
        match (&self.if_none_match, &self.if_modified_since) {
            (Some(known), _) if names(known, etag) => Err(s3_error!(NotModified)),
            (None, Some(since)) if modified <= since => Err(s3_error!(NotModified)),
            _ => Ok(()),
        }
    }

    /// The same where nothing can be "not modified": the source of a copy.
    pub(super) fn check_source(&self, etag: &str, modified: &Timestamp) -> S3Result<()> {
        self.check(etag, modified)
            .map_err(|_| s3_error!(PreconditionFailed, "The source is not as the request wants it."))
    }
}

/// An object as it was found.
pub(super) struct Object {
    pub(super) inode: Inode,
    pub(super) attributes: Attributes,
}

impl Object {
    /// Errors: `NoSuchKey`.
    pub(super) async fn find(files: &Files, key: &ObjectKey) -> S3Result<Self> {
        Self::find_maybe(files, key).await?.ok_or_else(|| s3_error!(NoSuchKey, "There is no such object."))
    }

    /// `None`: there is nothing, or something of another kind.
    pub(super) async fn find_maybe(files: &Files, key: &ObjectKey) -> S3Result<Option<Self>> {
        let inode = match files.stat(&key.path).await {
            Ok(inode) => inode,
            Err(FileError::NotFound(_) | FileError::NotADirectory(_)) => return Ok(None),
            Err(error) => return Err(fault::of_file(error)),
        };
        let wanted = if key.is_directory { Kind::Directory } else { Kind::File };
        if inode.kind != wanted {
            return Ok(None);
        }
        let attributes = Attributes::read(files.names(), &inode).await?;
        Ok(Some(Self { inode, attributes }))
    }

    /// Bytes; a directory has none.
    fn size(&self) -> u64 {
        if self.inode.kind == Kind::Directory { 0 } else { self.inode.size }
    }

    fn content_type(&self) -> String {
        let fallback = if self.inode.kind == Kind::Directory { "application/x-directory" } else { CONTENT_TYPE };
        self.attributes.content_type.clone().unwrap_or_else(|| fallback.to_owned())
    }

    fn metadata(&self) -> s3s::dto::Metadata {
        self.attributes.metadata.clone().into_iter().collect()
    }

    /// Its checksums, where they were asked for and speak of what is sent.
    fn checksum(&self, mode: Option<&ChecksumMode>, is_whole: bool) -> Checksum {
        let is_wanted = is_whole && mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
        if is_wanted { self.attributes.checksum() } else { Checksum::default() }
    }
}

/// What a request to read comes to, before any content is read.
struct Answer {
    files: Files,
    object: Object,
    modified: Timestamp,
    range: std::ops::Range<u64>,
    content_range: Option<String>,
    checksum: Checksum,
}

/// The fields that the answers to GET and to HEAD have both: s3s has a type for each.
macro_rules! answered {
    ($output:ident, $answer:expr) => {{
        let Answer { object, modified, range, content_range, checksum, .. } = $answer;
        $output {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some((range.end - range.start) as i64),
            content_range,
            content_type: Some(object.content_type()),
            e_tag: Some(object.attributes.e_tag()),
            last_modified: Some(modified),
            metadata: Some(object.metadata()),
            expires: object.attributes.expires_at(),
            cache_control: object.attributes.cache_control,
            content_disposition: object.attributes.content_disposition,
            content_encoding: object.attributes.content_encoding,
            content_language: object.attributes.content_language,
            checksum_crc32: checksum.checksum_crc32,
            checksum_crc32c: checksum.checksum_crc32c,
            checksum_crc64nvme: checksum.checksum_crc64nvme,
            checksum_sha1: checksum.checksum_sha1,
            checksum_sha256: checksum.checksum_sha256,
            ..$output::default()
        }
    }};
}

impl Face {
    pub(super) async fn object_get(&self, caller: &Caller, input: GetObjectInput) -> S3Result<GetObjectOutput> {
        let conditions = Conditions {
            if_match: input.if_match,
            if_unmodified_since: input.if_unmodified_since,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
        };
        let (range, mode) = (input.range.as_ref(), input.checksum_mode.as_ref());
        let answer = self.answer(caller, (&input.bucket, &input.key), &conditions, range, mode).await?;
        let pieces =
            answer.files.read_begun(&answer.object.inode, answer.range.clone()).await.map_err(fault::of_file)?;
        let body = Body::from_stream(pieces);
        let body = Some(StreamingBlob::from(s3s::Body::http_body_unsync(body)));
        Ok(GetObjectOutput { body, ..answered!(GetObjectOutput, answer) })
    }

    pub(super) async fn object_head(&self, caller: &Caller, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
        let conditions = Conditions {
            if_match: input.if_match,
            if_unmodified_since: input.if_unmodified_since,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
        };
        let (range, mode) = (input.range.as_ref(), input.checksum_mode.as_ref());
        let answer = self.answer(caller, (&input.bucket, &input.key), &conditions, range, mode).await?;
        Ok(answered!(HeadObjectOutput, answer))
    }

    async fn answer(
        &self,
        caller: &Caller,
        (bucket, key): (&str, &str),
        conditions: &Conditions,
        range: Option<&Range>,
        mode: Option<&ChecksumMode>,
    ) -> S3Result<Answer> {
        let files = self.files(caller, bucket, false).await?;
        let object = Object::find(&files, &ObjectKey::parse(key)?).await?;
        let modified = last_modified(&object.inode);
        conditions.check(&object.attributes.etag, &modified)?;
        let (range, content_range) = ranged(range, object.size())?;
        let checksum = object.checksum(mode, content_range.is_none());
        Ok(Answer { files, object, modified, range, content_range, checksum })
    }
}

/// What of `size` bytes is asked for, and the header that says so. Errors: `InvalidRange`.
fn ranged(range: Option<&Range>, size: u64) -> S3Result<(std::ops::Range<u64>, Option<String>)> {
    let Some(range) = range else { return Ok((0..size, None)) };
    let found = range.check(size).map_err(|_| s3_error!(InvalidRange, "The object has {size} bytes."))?;
    let header = format!("bytes {}-{}/{size}", found.start, found.end.saturating_sub(1));
    Ok((found, Some(header)))
}

#[cfg(test)]
mod tests {
    use s3s::dto::ETag;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
    }

    #[test]
    fn conditions_are_weighed_in_the_order_of_http() {
        let tag = |value: &str| Some(ETagCondition::ETag(ETag::Strong(value.to_owned())));
        let code = |conditions: Conditions| conditions.check("a", &at(100)).err().map(|e| e.code().as_str().to_owned());
        assert_eq!(
            code(Conditions { if_match: tag("b"), ..Conditions::default() }).as_deref(),
            Some("PreconditionFailed")
        );
        let matches = Conditions { if_match: tag("a"), if_unmodified_since: Some(at(50)), ..Conditions::default() };
        assert_eq!(code(matches), None, "If-Match goes before If-Unmodified-Since");
        assert_eq!(
            code(Conditions { if_none_match: tag("a"), ..Conditions::default() }).as_deref(),
            Some("NotModified")
        );
        let other = Conditions { if_none_match: tag("b"), if_modified_since: Some(at(200)), ..Conditions::default() };
        assert_eq!(code(other), None, "If-None-Match goes before If-Modified-Since");
        let old = Conditions { if_modified_since: Some(at(100)), ..Conditions::default() };
        assert_eq!(code(old).as_deref(), Some("NotModified"));
    }

    #[test]
    fn ranges_end_with_the_object() {
        let range = |text| ranged(Some(&Range::parse(text).unwrap()), 10);
        assert_eq!(range("bytes=2-4").unwrap(), (2..5, Some("bytes 2-4/10".to_owned())));
        assert_eq!(range("bytes=-3").unwrap().0, 7..10);
        assert_eq!(range("bytes=8-99").unwrap().0, 8..10);
        assert_eq!(range("bytes=10-").unwrap_err().code().as_str(), "InvalidRange");
    }
}
