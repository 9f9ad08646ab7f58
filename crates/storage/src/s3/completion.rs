//! The end of an upload in parts: an object is made of them. Parts that fill their stripes give them to it in one
//! transaction; others are written anew, which takes its time: that answer begins at once, with the status 200, is kept
//! awake by white space as S3's own is, and tells at its end whether the object is there.

use portal::Caller;
use s3s::dto::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart};
use s3s::{S3Error, S3Result, s3_error};

use super::attributes::{ATTRIBUTE, Attributes};
use super::face::Face;
use super::fault;
use super::multipart::{md5_hex, of_part, part_path, started_read, unknown, upload_of};
use super::object_key::ObjectKey;
use super::read::Object;
use super::uploads;
use super::write::{finish, parents_make, pour, replaceable};
use crate::begin::on_its_own;
use crate::file::{Ending, FilePath, Files, Part, Replaces};
use crate::model::effect::Effect;
use crate::model::inode::{Ino, Inode};
use crate::model::name::Name;

/// Fewest bytes of a part that is not the last.
const PART_BYTES_MIN: u64 = 5 << 20;

/// An object to be made of parts.
struct Completion {
    files: Files,
    /// The upload's directory.
    directory: FilePath,
    /// Where the object comes to be.
    to: FilePath,
    parts: Vec<Part>,
    attributes: Attributes,
    replaces: Replaces,
    /// What ends the upload, in the transaction that names the object.
    along: Vec<Effect>,
}

impl Face {
    pub(super) async fn upload_complete(
        &self,
        caller: &Caller,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let key = ObjectKey::parse(&input.key)?;
        let files = self.files(caller, &input.bucket, true).await?;
        let (directory, started) = upload_of(&files, &input.upload_id, &input.key).await?;
        let wanted = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let started_at = files.stat(&directory).await.map_err(of_part)?.ino;
        let parts = parts_chosen(&files, (started_at, &directory), &wanted).await?;
        let replaces = replaceable(&files, &key, input.if_match.as_ref(), input.if_none_match.as_ref()).await?;
        parents_make(&files, &key.path).await?;
        let digests: Vec<u8> = parts.iter().flat_map(|(_, etag)| unhex(etag)).collect();
        let etag = format!("{}-{}", md5_hex(&digests), parts.len());
        let attributes = Attributes { etag, ..started.attributes };
        let parts: Vec<Part> = parts.into_iter().map(|(part, _)| part).collect();
        let now_ns = self.storage.db().clock().now_ms().saturating_mul(1_000_000);
        let mut along: Vec<Effect> = parts.iter().flat_map(|part| part.removal(now_ns)).collect();
        // With that the upload is over, even if nobody comes to clear its directory away.
        along.push(Effect::XattrRemove { ino: started_at, name: ATTRIBUTE.to_owned() });
        let output = CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, super::listing::encoded(&input.key))),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(attributes.e_tag()),
            ..CompleteMultipartUploadOutput::default()
        };
        let completion = Completion { files, directory, to: key.path, parts, attributes, replaces, along };
        if completion.is_movable() {
            completion.make().await?;
            return Ok(output);
        }
        let place = self.place(caller).await?;
        let written = async move {
            let _place = place;
            completion.make().await.map(|()| output)
        };
        // It goes on while the client takes no white space.
        let written = async { on_its_own(written).await.ok_or_else(ending)? };
        let future = Some(Box::pin(written) as _);
        Ok(CompleteMultipartUploadOutput { future, ..CompleteMultipartUploadOutput::default() })
    }
}

impl Completion {
    /// Whether the object can have the stripes of its parts.
    fn is_movable(&self) -> bool {
        let last = self.parts.len().saturating_sub(1);
        self.parts.iter().enumerate().all(|(at, part)| part.is_movable(at == last))
    }

    /// Makes the object, of the stripes of its parts or of their bytes.
    async fn make(self) -> S3Result<()> {
        let ending = Ending {
            attributes: &|inode: &Inode| self.attributes.stored(inode),
            replaces: self.replaces,
            along: &self.along,
        };
        let made = if self.is_movable() {
            self.files.join(&self.parts, &self.to, &ending).await.map(drop).map_err(fault::of_file)
        } else {
            self.written_anew(&ending).await
        };
        if let Err(error) = made {
            // Another completion may have been faster.
            let is_over = started_read(&self.files, &self.directory).await?.is_none();
            return Err(if is_over { unknown() } else { error });
        }
        // What stays now is collected later.
        if let Err(error) = uploads::clear(&self.files, &self.directory).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "parts of an upload are left for the collection");
        }
        Ok(())
    }

    async fn written_anew(&self, ending: &Ending<'_>) -> S3Result<()> {
        let mut upload = self.files.upload(&self.to).await.map_err(fault::of_file)?;
        for Part { inode, .. } in &self.parts {
            pour(&self.files, inode, 0..inode.size, &mut upload).await?;
        }
        finish(&self.files, &self.to, upload, ending).await?;
        Ok(())
    }
}

fn ending() -> S3Error {
    s3_error!(ServiceUnavailable, "The service is stopping; try again.")
}

/// The parts that a completion names, as they are, with their ETags. Errors: `InvalidPartOrder`, `InvalidPart`, `EntityTooSmall`.
pub(super) async fn parts_chosen(
    files: &Files,
    directory: (Ino, &FilePath),
    wanted: &[CompletedPart],
) -> S3Result<Vec<(Part, String)>> {
    let (parent, directory) = directory;
    let numbers: Vec<i32> = wanted.iter().map(|part| part.part_number.unwrap_or_default()).collect();
    if !numbers.is_sorted_by(|a, b| a < b) {
        return Err(s3_error!(InvalidPartOrder, "Parts are named in ascending order, each once."));
    }
    let mut parts = Vec::with_capacity(wanted.len());
    for (part, number) in wanted.iter().zip(numbers) {
        let missing = || s3_error!(InvalidPart, "Part {number} was not uploaded, or is not the one that is named.");
        let path = part_path(directory, number)?;
        let key = ObjectKey { path, is_directory: false };
        let object = Object::find_maybe(files, &key).await?.ok_or_else(missing)?;
        if part.e_tag.as_ref().is_some_and(|etag| etag.value() != object.attributes.etag) {
            return Err(missing());
        }
        let name = Name::try_from(format!("{number:05}")).expect("digits are a name");
        parts.push((Part { parent, name, inode: object.inode }, object.attributes.etag));
    }
    let (_, rest) = parts.split_last().ok_or_else(|| s3_error!(MalformedXML, "An upload has at least one part."))?;
    if rest.iter().any(|(part, _)| part.inode.size < PART_BYTES_MIN) {
        return Err(s3_error!(EntityTooSmall, "Every part but the last has at least 5 MiB."));
    }
    Ok(parts)
}

/// The bytes of an MD5; of what is none, its text.
fn unhex(etag: &str) -> Vec<u8> {
    let pair = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = etag.as_bytes().chunks(2).map(pair).collect();
    bytes.filter(|bytes| bytes.len() == 16).unwrap_or_else(|| etag.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_md5_counts_as_its_text() {
        assert_eq!(unhex("d41d8cd98f00b204e9800998ecf8427e").len(), 16);
        assert_eq!(unhex("d41d8cd98f00b204e9800998ecf8427é"), "d41d8cd98f00b204e9800998ecf8427é".as_bytes());
    }
}
