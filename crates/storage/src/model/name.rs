//! Names of directory entries.

use serde::{Deserialize, Serialize};

/// Most bytes of a name, as on Linux.
pub const NAME_BYTES_MAX: usize = 255;

/// One part of a path: 1 to 255 bytes of UTF-8, without `/` and NUL, and neither `.` nor `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("a name has at least one character")]
    Empty,
    /// More than [`NAME_BYTES_MAX`].
    #[error("a name has at most {NAME_BYTES_MAX} bytes")]
    TooLong,
    /// `/` or NUL.
    #[error("a name can't contain / or the NUL character")]
    Character,
    /// `.` or `..`.
    #[error("`.` and `..` name the directory itself and the one above")]
    Dots,
    /// Bytes that are no UTF-8.
    #[error("a name has to be UTF-8")]
    Encoding,
}

impl Name {
    /// Before all names, for ranges: it is none itself.
    pub(crate) fn first() -> Self {
        Self(String::new())
    }

    /// A place among names, for ranges: it need be none itself.
    pub(crate) fn bound(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name from what the kernel hands over.
    ///
    /// # Errors
    /// See [`NameError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NameError> {
        if bytes.len() > NAME_BYTES_MAX {
            return Err(NameError::TooLong);
        }
        Self::try_from(std::str::from_utf8(bytes).map_err(|_| NameError::Encoding)?.to_owned())
    }
}

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        match text.as_str() {
            "" => Err(NameError::Empty),
            "." | ".." => Err(NameError::Dots),
            text if text.len() > NAME_BYTES_MAX => Err(NameError::TooLong),
            text if text.contains(['/', '\0']) => Err(NameError::Character),
            _ => Ok(Self(text)),
        }
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_says_why() {
        let of = |text: &str| Name::try_from(text.to_owned()).unwrap_err();
        assert_eq!([of(""), of("."), of("..")], [NameError::Empty, NameError::Dots, NameError::Dots]);
        assert_eq!(
            [of("a/b"), of("a\0"), of(&"é".repeat(128))],
            [NameError::Character, NameError::Character, NameError::TooLong]
        );
        assert_eq!(Name::from_bytes(b"\xff").unwrap_err(), NameError::Encoding);
        assert_eq!(Name::from_bytes("é".repeat(127).as_bytes()).unwrap().as_str().len(), 254);
        assert_eq!(Name::try_from("...".to_owned()).unwrap().to_string(), "...");
    }
}
