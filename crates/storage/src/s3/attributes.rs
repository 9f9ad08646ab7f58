//! What S3 keeps of an object beside its bytes: one extended attribute, so that it is replaced as a whole and read at once.
//!
//! The ETag is the MD5 of the content as S3 saw it. The file may be changed by a mount later, so size and time of change
//! stand beside it; where they differ, an ETag is made from the inode instead, in the form of a multipart upload's, which
//! no client takes for an MD5.

use std::collections::BTreeMap;

use s3s::dto::{Checksum, ETag, ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::fault;
use crate::model::inode::{Inode, Kind};
use crate::namespace::Namespace;

/// The extended attribute's name.
pub(super) const ATTRIBUTE: &str = "user.amphi.s3";
/// Most bytes of user metadata: names and values (S3's "Working with object metadata").
const METADATA_BYTES_MAX: usize = 2 * 1024;
/// The form that is written.
const FORM: u8 = 1;

/// See the module's head.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Attributes {
    pub(super) form: u8,
    pub(super) etag: String,
    pub(super) size: u64,
    pub(super) mtime_ns: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_language: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) metadata: BTreeMap<String, String>,
    /// Checksums of the content by their S3 names, base64.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) checksums: BTreeMap<String, String>,
}

impl Attributes {
    /// The headers of a request. Errors: `MetadataTooLarge`.
    pub(super) fn checked(self) -> S3Result<Self> {
        let bytes: usize = self.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > METADATA_BYTES_MAX {
            return Err(s3_error!(MetadataTooLarge, "User metadata has at most {METADATA_BYTES_MAX} bytes in all."));
        }
        Ok(self)
    }

    /// What of it holds for the content as it is now.
    fn fits(&self, inode: &Inode) -> bool {
        !self.etag.is_empty() && self.size == inode.size && self.mtime_ns == inode.mtime_ns
    }

    /// As it is stored with the file.
    pub(super) fn stored(&self, inode: &Inode) -> Vec<(String, Vec<u8>)> {
        let now = Self { form: FORM, size: inode.size, mtime_ns: inode.mtime_ns, ..self.clone() };
        vec![(ATTRIBUTE.to_owned(), serde_json::to_vec(&now).expect("text in maps is JSON"))]
    }

    /// What is stored with the inode; nothing where there is nothing, or nothing that this version can read.
    pub(super) async fn read(names: &dyn Namespace, inode: &Inode) -> S3Result<Self> {
        let all = names.xattrs(inode.ino).await.map_err(fault::of_names)?;
        let value = all.into_iter().find(|(name, _)| name == ATTRIBUTE);
        let read = value.and_then(|(_, value)| serde_json::from_slice::<Self>(&value).ok());
        let mut attributes = read.filter(|read| read.form == FORM).unwrap_or_default();
        if !attributes.fits(inode) {
            attributes.etag = made_up(inode);
            attributes.checksums.clear();
        }
        Ok(attributes)
    }

    /// The ETag.
    pub(super) fn e_tag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }

    /// The value of `Expires`.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        Timestamp::parse(TimestampFormat::DateTime, self.expires.as_deref()?).ok()
    }

    /// The checksums.
    pub(super) fn checksum(&self) -> Checksum {
        let of = |name: &str| self.checksums.get(name).cloned();
        Checksum {
            checksum_crc32: of("CRC32"),
            checksum_crc32c: of("CRC32C"),
            checksum_crc64nvme: of("CRC64NVME"),
            checksum_sha1: of("SHA1"),
            checksum_sha256: of("SHA256"),
            checksum_type: None,
        }
    }

    /// Keeps the checksums.
    pub(super) fn checksums_set(&mut self, sums: &Checksum) {
        let named = [
            ("CRC32", &sums.checksum_crc32),
            ("CRC32C", &sums.checksum_crc32c),
            ("CRC64NVME", &sums.checksum_crc64nvme),
            ("SHA1", &sums.checksum_sha1),
            ("SHA256", &sums.checksum_sha256),
        ];
        let given = named.into_iter().filter_map(|(name, sum)| Some((name.to_owned(), sum.clone()?)));
        self.checksums = given.collect();
    }
}

/// A time for its header.
pub(super) fn expires_text(expires: Option<&Timestamp>) -> Option<String> {
    let mut text = Vec::new();
    expires?.format(TimestampFormat::DateTime, &mut text).ok()?;
    String::from_utf8(text).ok()
}

/// An ETag for what S3 did not write: another one after every change.
fn made_up(inode: &Inode) -> String {
    if inode.kind == Kind::Directory {
        return "d41d8cd98f00b204e9800998ecf8427e".to_owned(); // of no bytes
    }
    format!("{:016x}{:016x}-1", inode.ino, (inode.mtime_ns as u64) ^ inode.size.rotate_left(40))
}

/// When the inode's content changed; S3's times have whole seconds.
pub(super) fn last_modified(inode: &Inode) -> Timestamp {
    let seconds = inode.mtime_ns.div_euclid(1_000_000_000).max(0);
    Timestamp::from(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds as u64))
}

/// Whether a condition names this ETag.
pub(super) fn names(condition: &ETagCondition, etag: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(wanted) => wanted.value() == etag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inode(size: u64, mtime_ns: i64) -> Inode {
        Inode {
            ino: 7,
            kind: Kind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            nlink: 1,
            size,
            atime_ns: 0,
            mtime_ns,
            ctime_ns: 0,
            target: None,
            device: 0,
            version: 1,
        }
    }

    #[test]
    fn an_etag_holds_until_the_content_changes() {
        let attributes = Attributes { etag: "abc".to_owned(), ..Attributes::default() };
        let (_, stored) = attributes.stored(&inode(5, 10)).remove(0);
        let read: Attributes = serde_json::from_slice(&stored).unwrap();
        assert!(read.fits(&inode(5, 10)));
        assert!(!read.fits(&inode(6, 10)) && !read.fits(&inode(5, 11)));
        assert_ne!(made_up(&inode(5, 10)), made_up(&inode(5, 11)));
        assert!(made_up(&inode(5, 10)).ends_with("-1"));
    }

    #[test]
    fn metadata_is_bounded() {
        let metadata = BTreeMap::from([("a".to_owned(), "x".repeat(2048))]);
        let error = Attributes { metadata, ..Attributes::default() }.checked().unwrap_err();
        assert_eq!(error.code().as_str(), "MetadataTooLarge");
    }
}
