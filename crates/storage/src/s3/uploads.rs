//! Uploads in parts that are on their way: their list, and the end of those that were given up.

use std::time::Duration;

use portal::Caller;
use s3s::S3Result;
use s3s::dto::{CommonPrefix, ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload, Timestamp};

use super::face::Face;
use super::fault;
use super::listing::{delimiter_of, encoded, is_encoded};
use super::multipart::{directory_of, started_read};
use super::object_key::UPLOADS;
use crate::file::{FileError, FilePath, Files};

/// Uploads that one listing has at most, and that a bucket is looked through for.
const LISTED_MAX: usize = 1_000;
const SEEN_MAX: usize = 10_000;
/// An upload that has not been completed after so long is given up.
pub(crate) const GIVEN_UP_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// An upload on its way.
pub(super) struct Underway {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) started_ms: i64,
}

/// The directory of all uploads.
fn directory() -> FilePath {
    FilePath::parse(UPLOADS).expect("it is a name")
}

/// The uploads of a bucket by the order of keys, then of their ids.
async fn underway(files: &Files) -> S3Result<Vec<Underway>> {
    let mut found = Vec::new();
    let mut after = None;
    while found.len() < SEEN_MAX {
        let entries = match files.list(&directory(), after.as_ref(), LISTED_MAX).await {
            Ok(entries) => entries,
            Err(FileError::NotFound(_) | FileError::NotADirectory(_)) => break,
            Err(error) => return Err(fault::of_file(error)),
        };
        let Some(last) = entries.last() else { break };
        after = Some(last.name.clone());
        for entry in entries {
            let id = entry.name.to_string();
            let Some(path) = directory_of(&id) else { continue };
            let Some(started) = started_read(files, &path).await? else { continue };
            found.push(Underway { id, key: started.key, started_ms: started.started_ms });
        }
    }
    found.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
    Ok(found)
}

impl Face {
    pub(super) async fn uploads(
        &self,
        caller: &Caller,
        input: ListMultipartUploadsInput,
    ) -> S3Result<ListMultipartUploadsOutput> {
        let files = self.files(caller, &input.bucket, false).await?;
        let is_encoded = is_encoded(input.encoding_type.as_ref());
        let text = |text: &str| if is_encoded { encoded(text) } else { text.to_owned() };
        let limit = input.max_uploads.map_or(LISTED_MAX, |max| (max.max(1) as usize).min(LISTED_MAX));
        let prefix = input.prefix.clone().unwrap_or_default();
        let key_marker = input.key_marker.clone().unwrap_or_default();
        let id_marker = input.upload_id_marker.clone().unwrap_or_default();
        let mut all = underway(&files).await?;
        all.retain(|upload| upload.key.starts_with(&prefix));
        let is_after = |upload: &Underway| match id_marker.is_empty() {
            true => key_marker.is_empty() || upload.key > key_marker,
            false => (&upload.key, &upload.id) > (&key_marker, &id_marker),
        };
        all.retain(is_after);
        let mut prefixes: Vec<String> = Vec::new();
        if let Some(delimiter) = delimiter_of(input.delimiter.as_ref()) {
            all.retain(|upload| match upload.key[prefix.len()..].find(delimiter) {
                Some(at) => {
                    let common = &upload.key[..prefix.len() + at + delimiter.len()];
                    if prefixes.last().is_none_or(|last| last != common) {
                        prefixes.push(common.to_owned());
                    }
                    false
                }
                None => true,
            });
        }
        let is_truncated = all.len() > limit;
        all.truncate(limit);
        let last = all.last().filter(|_| is_truncated);
        Ok(ListMultipartUploadsOutput {
            next_key_marker: last.map(|upload| text(&upload.key)),
            next_upload_id_marker: last.map(|upload| upload.id.clone()),
            uploads: Some(all.iter().map(|upload| worded(upload, &text)).collect()),
            common_prefixes: Some(prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(text(prefix)) }).collect()),
            bucket: Some(input.bucket),
            prefix: Some(text(&prefix)),
            delimiter: input.delimiter.as_deref().map(text),
            key_marker: Some(text(&key_marker)),
            upload_id_marker: input.upload_id_marker,
            max_uploads: Some(limit as i32),
            is_truncated: Some(is_truncated),
            encoding_type: input.encoding_type,
            request_charged: None,
        })
    }
}

fn worded(upload: &Underway, text: &impl Fn(&str) -> String) -> MultipartUpload {
    let started = std::time::UNIX_EPOCH + Duration::from_millis(u64::try_from(upload.started_ms).unwrap_or_default());
    MultipartUpload {
        key: Some(text(&upload.key)),
        upload_id: Some(upload.id.clone()),
        initiated: Some(Timestamp::from(started)),
        ..MultipartUpload::default()
    }
}

/// Takes an upload's directory away, and with the last of them the one of all uploads.
///
/// # Errors
/// Those of [`Files::remove`]; `NotFound` where somebody else was faster.
pub(super) async fn clear(files: &Files, upload: &FilePath) -> Result<(), FileError> {
    files.remove(upload, true).await?;
    clear_empty(files).await;
    Ok(())
}

/// Takes the directory of all uploads away if there is none. Where that fails the next upload's end does it.
async fn clear_empty(files: &Files) {
    if !files.list(&directory(), None, 1).await.is_ok_and(|uploads| uploads.is_empty()) {
        return;
    }
    match files.remove(&directory(), false).await {
        // Another upload may begin or end meanwhile.
        Ok(()) | Err(FileError::NotEmpty(_) | FileError::NotFound(_)) => {}
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "{UPLOADS} is empty and stays"),
    }
}

/// Removes the uploads that were begun before `before_ms`, and directories that never became one. Answers how many.
/// Errors: a sentence of the first that could not be removed; the others are tried all the same.
pub(crate) async fn sweep(files: &Files, before_ms: i64) -> Result<usize, FileError> {
    let entries = match files.list(&directory(), None, LISTED_MAX).await {
        Err(FileError::NotFound(_) | FileError::NotADirectory(_)) => return Ok(0),
        entries => entries?,
    };
    let (mut removed, mut failure) = (0, None);
    // What is in a directory changes it, so its time is that of the last part that came.
    for entry in entries.iter().filter(|entry| entry.inode.mtime_ns / 1_000_000 < before_ms) {
        let path = FilePath::parse(&format!("{UPLOADS}/{}", entry.name))?;
        match files.remove(&path, true).await {
            Ok(()) | Err(FileError::NotFound(_)) => removed += 1,
            Err(error) => failure = Some(error),
        }
    }
    clear_empty(files).await;
    failure.map_or(Ok(removed), Err)
}
