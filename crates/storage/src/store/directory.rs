//! What an operator writes to offer a store: `DIR` or `DIR:SIZE`.

use std::path::PathBuf;
use std::str::FromStr;

/// The smallest size of a store, bytes.
const SIZE_MIN: u64 = 1 << 20;

/// A directory to keep units in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreDir {
    /// The directory; it is made when it is missing.
    pub path: PathBuf,
    /// The most it may take, bytes; none: what its disk has, but for a reserve.
    pub size: Option<u64>,
}

/// What is not right about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreDirError {
    /// There is no directory before the size.
    #[error("the directory is missing; write DIR or DIR:SIZE, such as /srv/store or /srv/store:500G")]
    NoDirectory,
    /// What follows the last colon is no size.
    #[error(
        "`{0}` is no size; write a number with K, M, G or T, such as 500G (a directory with `:` in it needs one too)"
    )]
    NotASize(String),
    /// Nobody can use that little.
    #[error("`{0}` is too small for a store; give it 1M or more")]
    TooSmall(String),
}

impl FromStr for StoreDir {
    type Err = StoreDirError;

    fn from_str(text: &str) -> Result<Self, StoreDirError> {
        let (path, size) = match text.rsplit_once(':') {
            Some((path, size)) => (path, Some(bytes(size)?)),
            None => (text, None),
        };
        if path.is_empty() { Err(StoreDirError::NoDirectory) } else { Ok(Self { path: path.into(), size }) }
    }
}

/// Reads `500G`; the units are those of 1,024.
pub(super) fn bytes(text: &str) -> Result<u64, StoreDirError> {
    let wrong = || StoreDirError::NotASize(text.to_owned());
    let (digits, shift) = match text.char_indices().next_back() {
        Some((at, 'K' | 'k')) => (&text[..at], 10),
        Some((at, 'M' | 'm')) => (&text[..at], 20),
        Some((at, 'G' | 'g')) => (&text[..at], 30),
        Some((at, 'T' | 't')) => (&text[..at], 40),
        _ => (text, 0),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let bytes = number.checked_mul(1 << shift).filter(|bytes| i64::try_from(*bytes).is_ok()).ok_or_else(wrong)?;
    if bytes < SIZE_MIN { Err(StoreDirError::TooSmall(text.to_owned())) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_sizes_are_read() {
        let read = |text: &str| text.parse::<StoreDir>().map(|dir| (dir.path.display().to_string(), dir.size));
        assert_eq!(read("/srv/a"), Ok(("/srv/a".to_owned(), None)));
        assert_eq!(read("/srv/a:500G"), Ok(("/srv/a".to_owned(), Some(500 << 30))));
        assert_eq!(read("a:b:2t"), Ok(("a:b".to_owned(), Some(2 << 40))));
        assert_eq!(read("a:1048576"), Ok(("a".to_owned(), Some(1 << 20))));
        for bad in ["a:", "a:G", "a:1X", "a:-1G", "a:+1G", "a:1.5G", "a:99999999T", "a:9223372036854775807K", "a:é"] {
            assert!(matches!(read(bad), Err(StoreDirError::NotASize(_))), "{bad}");
        }
        assert_eq!(read(":1G"), Err(StoreDirError::NoDirectory));
        assert_eq!(read(""), Err(StoreDirError::NoDirectory));
        assert_eq!(read("a:1023K"), Err(StoreDirError::TooSmall("1023K".to_owned())));
        assert!(read("a:5GB").unwrap_err().to_string().contains("such as 500G"));
    }
}
