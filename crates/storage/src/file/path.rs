//! Paths in a name space.

use super::FileError;
use crate::model::name::Name;

/// Parts of a path, at most: each costs a look into the database.
pub(super) const PARTS_MAX: usize = 1_000;

/// Names from the root on. No parts: the root itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePath(Vec<Name>);

impl FilePath {
    /// Reads `a/b/c`; slashes at the ends are left out.
    ///
    /// # Errors
    /// `Name` for a part that is no name, `TooDeep`.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        let text = text.trim_matches('/');
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.split('/').count() > PARTS_MAX {
            return Err(FileError::TooDeep(PARTS_MAX));
        }
        text.split('/').map(named).collect::<Result<_, _>>().map(Self)
    }

    /// The entry of this name in the directory at this path. Nothing is trimmed.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn child(&self, name: &str) -> Result<Self, FileError> {
        if self.0.len() == PARTS_MAX {
            return Err(FileError::TooDeep(PARTS_MAX));
        }
        let mut parts = self.0.clone();
        parts.push(named(name)?);
        Ok(Self(parts))
    }

    /// The names.
    pub fn parts(&self) -> &[Name] {
        &self.0
    }

    /// Its last part; `None`: the root.
    pub fn name(&self) -> Option<&Name> {
        self.0.last()
    }

    /// The first `parts` parts.
    pub(crate) fn first(&self, parts: usize) -> Self {
        Self(self.0[..parts.min(self.0.len())].to_vec())
    }
}

fn named(part: &str) -> Result<Name, FileError> {
    let shown = || part.chars().filter(|c| !c.is_control()).take(80).collect();
    Name::try_from(part.to_owned()).map_err(|source| FileError::Name { part: shown(), source })
}

impl std::fmt::Display for FilePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|name| write!(f, "/{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_names_between_slashes() {
        assert_eq!(FilePath::parse("/a/b c/").unwrap().to_string(), "/a/b c");
        assert_eq!(FilePath::parse("").unwrap().to_string(), "/");
        for bad in ["a//b", "a/../b", "./a", "a\0", &"x".repeat(256)] {
            assert!(matches!(FilePath::parse(bad), Err(FileError::Name { .. })), "{bad:?}");
        }
        let directory = FilePath::parse("a").unwrap();
        assert_eq!(directory.child(" ").unwrap().to_string(), "/a/ ");
        for bad in ["", ".", "..", "b/c"] {
            assert!(matches!(directory.child(bad), Err(FileError::Name { .. })), "{bad:?}");
        }
        assert!(FilePath::parse(&vec!["d"; 1000].join("/")).is_ok());
        assert!(matches!(FilePath::parse(&vec!["d"; 1001].join("/")), Err(FileError::TooDeep(1000))));
    }
}
