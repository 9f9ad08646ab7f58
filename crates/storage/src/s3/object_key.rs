//! Keys of objects as paths. S3 takes any text for a key; a file has a path, so some keys are refused.

use s3s::{S3Result, s3_error};

use super::fault;
use crate::file::FilePath;

/// The directory in the root of a bucket that holds the parts of uploads on their way. It is no object, nor is what is
/// in it.
pub(super) const UPLOADS: &str = ".s3-uploads";

/// What a key names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ObjectKey {
    /// Where it is.
    pub(super) path: FilePath,
    /// The key ends in a slash, as some clients name directories.
    pub(super) is_directory: bool,
}

impl ObjectKey {
    /// Reads a key. Errors: `InvalidArgument` with a sentence for what can't be a path.
    pub(super) fn parse(key: &str) -> S3Result<Self> {
        let text = key.strip_suffix('/').unwrap_or(key);
        if text.split('/').any(str::is_empty) {
            let message = "A key can't begin with a slash or have two in a row: it is the path of a file.";
            return Err(s3_error!(InvalidArgument, "{}", message));
        }
        if text.split('/').next() == Some(UPLOADS) {
            return Err(s3_error!(InvalidArgument, "Keys below {UPLOADS}/ are kept for uploads on their way."));
        }
        let path = FilePath::parse(text).map_err(fault::of_file)?;
        Ok(Self { path, is_directory: key.ends_with('/') })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_paths_and_what_is_none_says_why() {
        let key = ObjectKey::parse("a/b c/é.txt").unwrap();
        assert_eq!((key.path.to_string().as_str(), key.is_directory), ("/a/b c/é.txt", false));
        assert!(ObjectKey::parse("a/b/").unwrap().is_directory);
        let long = "x".repeat(256);
        for bad in ["/a", "a//b", "/", "a//", "..", "a/../b", "./a", "a\0b", long.as_str(), ".s3-uploads/1/2"] {
            let error = ObjectKey::parse(bad).unwrap_err();
            assert_eq!(error.code().as_str(), "InvalidArgument", "{bad:?}");
            assert!(error.message().is_some_and(|message| message.len() > 20), "{bad:?}: {error:?}");
        }
    }
}
