//! The keys of a bucket in S3's order, from a tree of directories.
//!
//! S3 orders keys by their bytes, a directory lists its names by theirs, and the two differ where a name continues another
//! with something before `/`: `a.txt` comes before `a/x`, though the directory `a` comes before `a.txt`. So a directory is
//! held back until the names have passed its name with the slash. What is read is what is listed and a page more, however
//! large the bucket is.

use std::collections::{BTreeMap, VecDeque};

use super::attributes::ATTRIBUTE;
use super::object_key::UPLOADS;
use crate::model::inode::{Ino, Inode, Kind};
use crate::model::name::Name;
use crate::namespace::{Namespace, NamespaceError};

/// Entries that are read at once.
const PAGE: usize = 1_000;

/// What is to be listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    /// What the keys begin with.
    pub(super) prefix: &'a str,
    /// What of the keys after the prefix, up to the first of these, is told once.
    pub(super) delimiter: Option<&'a str>,
    /// Keys and common prefixes up to this one are left out.
    pub(super) after: &'a str,
    /// At most so many.
    pub(super) limit: usize,
}

/// What a listing has.
#[derive(Clone, Debug)]
pub(super) enum Item {
    /// An object.
    Key(String, Box<Inode>),
    /// What several keys have in common.
    Prefix(String),
}

impl Item {
    /// The text that the next listing goes on after.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Key(text, _) | Self::Prefix(text) => text,
        }
    }
}

/// The items in order, and whether there are more.
pub(super) async fn list(names: &dyn Namespace, ask: &Ask<'_>) -> Result<(Vec<Item>, bool), NamespaceError> {
    let mut items: Vec<Item> = Vec::new();
    let Some(mut walk) = Walk::start(names, ask).await? else { return Ok((items, false)) };
    while let Some(item) = walk.next().await? {
        let item = match (item, ask.delimiter) {
            (Item::Key(key, inode), Some(delimiter)) => match common(&key, ask.prefix, delimiter) {
                Some(prefix) => Item::Prefix(prefix.to_owned()),
                None => Item::Key(key, inode),
            },
            (item, _) => item,
        };
        let is_told = matches!(&item, Item::Prefix(prefix)
            if prefix == ask.after || items.last().is_some_and(|last| last.text() == prefix));
        if is_told {
            continue;
        }
        if items.len() == ask.limit {
            return Ok((items, true));
        }
        items.push(item);
    }
    Ok((items, false))
}

fn common<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    let at = key.get(prefix.len()..)?.find(delimiter)?;
    key.get(..prefix.len() + at + delimiter.len())
}

struct Walk<'a> {
    names: &'a dyn Namespace,
    /// Directories are told as common prefixes, without looking into them.
    is_flat: bool,
    levels: Vec<Level>,
}

/// One directory on the way.
struct Level {
    /// What keys in it begin with: nothing, or something that ends in a slash.
    base: String,
    ino: Ino,
    /// What names have to begin with.
    prefix: String,
    /// Keys in it, without `base`, up to this one are left out.
    after: String,
    page: VecDeque<(Name, Inode)>,
    /// Where the next page begins; `None`: there is none.
    next: Option<Option<Name>>,
    /// Directories that wait for their turn, by their names with a slash.
    held: BTreeMap<String, Inode>,
    /// The directory itself, where it may be a key.
    itself: Option<Inode>,
    has_entries: bool,
}

impl<'a> Walk<'a> {
    /// `None`: nothing can match.
    async fn start(names: &'a dyn Namespace, ask: &Ask<'_>) -> Result<Option<Self>, NamespaceError> {
        let (base, prefix) = ask.prefix.split_at(ask.prefix.rfind('/').map_or(0, |slash| slash + 1));
        let mut directory = names.inode(names.root()).await?.ok_or(NamespaceError::Gone)?;
        for part in base.split_terminator('/') {
            let Ok(name) = Name::try_from(part.to_owned()) else { return Ok(None) };
            match names.lookup(directory.ino, &name).await? {
                Some(entry) if entry.inode.kind == Kind::Directory => directory = entry.inode,
                Some(_) | None => return Ok(None),
            }
        }
        let after = match ask.after.strip_prefix(base) {
            Some(after) => after,
            None if ask.after > base => return Ok(None),
            None => "",
        };
        let is_itself = !base.is_empty() && prefix.is_empty() && ask.after < base;
        let itself = is_itself.then(|| directory.clone());
        let level = Level::open(names, (base, directory.ino), prefix, after, itself).await?;
        Ok(Some(Self { names, is_flat: ask.delimiter == Some("/"), levels: vec![level] }))
    }

    async fn next(&mut self) -> Result<Option<Item>, NamespaceError> {
        while let Some(level) = self.levels.last_mut() {
            if let Some(itself) = level.itself.take()
                && (!level.has_entries || has_attributes(self.names, itself.ino).await?)
            {
                return Ok(Some(Item::Key(level.base.clone(), Box::new(itself))));
            }
            let Some((text, inode)) = level.next(self.names, self.is_flat).await? else {
                self.levels.pop();
                continue;
            };
            let key = format!("{}{text}", level.base);
            if inode.kind == Kind::File {
                return Ok(Some(Item::Key(key, Box::new(inode))));
            }
            if self.is_flat {
                return Ok(Some(Item::Prefix(key)));
            }
            let after = level.after.strip_prefix(&text).unwrap_or_default().to_owned();
            let is_passed = level.after.starts_with(&text);
            let itself = (!is_passed).then(|| inode.clone());
            let below = Level::open(self.names, (&key, inode.ino), "", &after, itself).await?;
            self.levels.push(below);
        }
        Ok(None)
    }
}

/// Whether a directory was made as a key.
async fn has_attributes(names: &dyn Namespace, ino: Ino) -> Result<bool, NamespaceError> {
    Ok(names.xattrs(ino).await?.iter().any(|(name, _)| name == ATTRIBUTE))
}

impl Level {
    async fn open(
        names: &dyn Namespace,
        (base, ino): (&str, Ino),
        prefix: &str,
        after: &str,
        itself: Option<Inode>,
    ) -> Result<Self, NamespaceError> {
        let mut level = Self {
            base: base.to_owned(),
            ino,
            prefix: prefix.to_owned(),
            after: after.to_owned(),
            page: VecDeque::new(),
            next: Some(None),
            held: BTreeMap::new(),
            itself,
            has_entries: false,
        };
        let passed = after.split('/').next().unwrap_or_default();
        if passed > prefix {
            level.directories_before(names, passed).await?;
        }
        level.begin(names, passed.max(prefix)).await?;
        level.fill(names).await?;
        level.has_entries = !level.page.is_empty() || !level.held.is_empty();
        Ok(level)
    }

    /// The names begin with `first`, if there is such a one.
    async fn begin(&mut self, names: &dyn Namespace, first: &str) -> Result<(), NamespaceError> {
        let Ok(name) = Name::try_from(first.to_owned()) else { return Ok(()) };
        if let Some(entry) = names.lookup(self.ino, &name).await? {
            self.page.push_back((entry.name, entry.inode));
        }
        self.next = Some(Some(name));
        Ok(())
    }

    /// Directories whose names come before `passed`, but whose keys come after it: `a` for `a-b`.
    async fn directories_before(&mut self, names: &dyn Namespace, passed: &str) -> Result<(), NamespaceError> {
        let short = passed.char_indices().filter(|(at, next)| *at > 0 && *next < '/').map(|(at, _)| &passed[..at]);
        for short in short {
            let Ok(name) = Name::try_from(short.to_owned()) else { continue };
            if let Some(entry) = names.lookup(self.ino, &name).await?
                && entry.inode.kind == Kind::Directory
            {
                self.held.insert(format!("{short}/"), entry.inode);
            }
        }
        Ok(())
    }

    async fn fill(&mut self, names: &dyn Namespace) -> Result<(), NamespaceError> {
        while self.page.is_empty()
            && let Some(after) = self.next.take()
        {
            let entries = names.entries(self.ino, after.as_ref(), PAGE).await?;
            let is_past =
                |name: &Name| name.as_str() > self.prefix.as_str() && !name.as_str().starts_with(&self.prefix);
            if let Some(last) = entries.last()
                && entries.len() == PAGE
                && !is_past(&last.name)
            {
                self.next = Some(Some(last.name.clone()));
            }
            self.page.extend(entries.into_iter().map(|entry| (entry.name, entry.inode)));
        }
        Ok(())
    }

    /// The next in order: a name, or a directory's name with a slash.
    async fn next(&mut self, names: &dyn Namespace, is_flat: bool) -> Result<Option<(String, Inode)>, NamespaceError> {
        loop {
            self.fill(names).await?;
            let is_held_first = match (self.held.first_key_value(), self.page.front()) {
                (Some((held, _)), Some((name, _))) => held.as_str() <= name.as_str(),
                (held, _) => held.is_some(),
            };
            let taken = if is_held_first {
                self.held.pop_first()
            } else {
                let Some((name, inode)) = self.page.pop_front() else { return Ok(None) };
                if inode.kind == Kind::Directory {
                    self.held.insert(format!("{name}/"), inode);
                    None
                } else {
                    Some((name.to_string(), inode))
                }
            };
            if let Some((text, inode)) = taken
                && self.is_wanted(&text, &inode, is_flat)
            {
                return Ok(Some((text, inode)));
            }
        }
    }

    fn is_wanted(&self, text: &str, inode: &Inode, is_flat: bool) -> bool {
        let is_kept_apart = self.base.is_empty() && text.strip_suffix('/') == Some(UPLOADS);
        // A common prefix that was told is done with; a directory that was told as a key has keys below it.
        let is_told = is_flat && self.after == text;
        let is_inside = inode.kind == Kind::Directory && self.after.starts_with(text) && !is_told;
        let is_object = matches!(inode.kind, Kind::File | Kind::Directory);
        is_object && !is_kept_apart && text.starts_with(&self.prefix) && (text > self.after.as_str() || is_inside)
    }
}

#[cfg(test)]
mod tests;
