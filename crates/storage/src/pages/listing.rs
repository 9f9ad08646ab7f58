//! Which entries of a directory a page shows. One with up to [`WHOLE`] entries is read whole: it can be sorted, and filtered by
//! any part of a name. A larger one is listed by name, page by page, as its index has it; of such a one the filter finds the names
//! that begin with it, which costs no more than a page. It is not sorted otherwise: that would read all of it each time.

use serde::Deserialize;

use super::look::encoded;
use crate::file::{FileError, FilePath, Files};
use crate::model::inode::Kind;
use crate::model::name::{NAME_BYTES_MAX, Name};
use crate::namespace::Entry;

/// Entries of one page.
const PAGE: usize = 200;
/// Entries of a directory that is read whole, at most.
pub(super) const WHOLE: usize = 1_000;

/// What a directory is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sort {
    /// By the bytes of names.
    #[default]
    Name,
    /// What is no file has none, and comes before the smallest.
    Size,
    Changed,
}

impl Sort {
    pub(super) const ALL: [Self; 3] = [Self::Name, Self::Size, Self::Changed];

    /// Its word in addresses.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Changed => "changed",
        }
    }

    /// Catalog key of its column's title.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Name => "files-name",
            Self::Size => "files-size",
            Self::Changed => "files-changed",
        }
    }
}

/// What the address asks for.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Select {
    #[serde(default)]
    sort: Sort,
    /// Not 0: the largest or latest first.
    #[serde(default)]
    desc: u8,
    #[serde(default)]
    filter: String,
    /// Entries before the page's first, of a directory that is read whole.
    #[serde(default)]
    from: usize,
    /// The name before the page's first, of a larger one.
    #[serde(default)]
    after: String,
}

/// What a page shows.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) entries: Vec<Entry>,
    /// The directory was read whole.
    pub(super) is_whole: bool,
    /// There is a page before this one.
    pub(super) is_later: bool,
    /// Places of the first and the last that are shown, from 1, and how many there are; of more than a page.
    pub(super) range: Option<(usize, usize, usize)>,
    /// The query of the page behind this one.
    pub(super) next: Option<String>,
}

impl Select {
    /// The filter without spaces around; empty: none.
    pub(super) fn filter(&self) -> &str {
        self.filter.trim()
    }

    pub(super) fn sort(&self) -> Sort {
        self.sort
    }

    pub(super) fn is_desc(&self) -> bool {
        self.desc != 0
    }

    /// As it was asked, as a query with its question mark; empty where nothing was.
    pub(super) fn query(&self) -> String {
        match (self.after.as_str(), self.from) {
            ("", 0) => self.query_at(None),
            ("", from) => self.query_at(Some(("from", &from.to_string()))),
            (after, _) => self.query_at(Some(("after", after))),
        }
    }

    /// The first page.
    pub(super) fn first(&self) -> String {
        self.query_at(None)
    }

    /// The first page without a filter.
    pub(super) fn unfiltered(&self) -> String {
        Self { filter: String::new(), ..self.clone() }.first()
    }

    /// Sorted by that column; the other way round where it is already. Names begin with the first, all else with the largest.
    pub(super) fn sorted(&self, by: Sort) -> String {
        let is_desc = if by == self.sort { !self.is_desc() } else { by != Sort::Name };
        Self { sort: by, desc: is_desc.into(), ..self.clone() }.first()
    }

    fn query_at(&self, place: Option<(&str, &str)>) -> String {
        let mut parts = Vec::new();
        if self.sort != Sort::default() {
            parts.push(format!("sort={}", self.sort.as_str()));
        }
        if self.is_desc() {
            parts.push("desc=1".to_owned());
        }
        if !self.filter().is_empty() {
            parts.push(format!("filter={}", encoded(self.filter())));
        }
        parts.extend(place.map(|(key, value)| format!("{key}={}", encoded(value))));
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }

    /// What the page of this directory shows.
    ///
    /// # Errors
    /// As [`Files::list`].
    pub(super) async fn read(&self, files: &Files, path: &FilePath) -> Result<Shown, FileError> {
        if self.after.is_empty() {
            let entries = files.list(path, None, WHOLE + 1).await?;
            if entries.len() <= WHOLE {
                return Ok(self.of_whole(entries));
            }
            if self.filter().is_empty() {
                return Ok(self.of_large(entries));
            }
        }
        let begin = if self.after.is_empty() { self.filter() } else { &self.after };
        let mut entries = Vec::new();
        if self.after.is_empty()
            && let Ok(name) = Name::try_from(begin.to_owned())
        {
            match files.stat(&path.child(begin)?).await {
                Ok(inode) => entries.push(Entry { name, inode, first: None }),
                Err(FileError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        // None that is stored is longer, and a database may not take NUL.
        if begin.len() <= NAME_BYTES_MAX && !begin.contains('\0') {
            entries.extend(files.list(path, Some(&Name::bound(begin)), PAGE + 1).await?);
        }
        Ok(self.of_large(entries))
    }

    fn of_whole(&self, entries: Vec<Entry>) -> Shown {
        let entries = self.arranged(entries);
        let count = entries.len();
        let from = if self.from < count { self.from } else { 0 };
        let last = count.min(from.saturating_add(PAGE));
        let next = (last < count).then(|| self.query_at(Some(("from", &last.to_string()))));
        Shown {
            entries: entries.into_iter().skip(from).take(PAGE).collect(),
            is_whole: true,
            is_later: from > 0,
            range: (count > PAGE).then_some((from + 1, last, count)),
            next,
        }
    }

    /// Those that match, in their order.
    fn arranged(&self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let part = self.filter().to_lowercase();
        entries.retain(|entry| part.is_empty() || entry.name.as_str().to_lowercase().contains(&part));
        let size = |entry: &Entry| (entry.inode.kind == Kind::File).then_some(entry.inode.size);
        // Those that are equal stay in the order of their names, both ways.
        entries.sort_by(|a, b| {
            let order = match self.sort {
                Sort::Name => a.name.cmp(&b.name),
                Sort::Size => size(a).cmp(&size(b)),
                Sort::Changed => a.inode.mtime_ns.cmp(&b.inode.mtime_ns),
            };
            if self.is_desc() { order.reverse() } else { order }
        });
        entries
    }

    /// By name alone: of `entries`, which are the next in that order, those that fit.
    fn of_large(&self, mut entries: Vec<Entry>) -> Shown {
        let matching = entries.iter().take_while(|entry| entry.name.as_str().starts_with(self.filter())).count();
        entries.truncate(matching.min(PAGE));
        let last = entries.last().filter(|_| matching > PAGE).map(|entry| entry.name.to_string());
        let by_name = Self { sort: Sort::Name, desc: 0, ..self.clone() };
        Shown {
            next: last.map(|last| by_name.query_at(Some(("after", &last)))),
            entries,
            is_whole: false,
            is_later: !self.after.is_empty(),
            range: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_keep_what_was_asked_and_turn_a_column_round() {
        let by_size = Select { sort: Sort::Size, desc: 1, filter: " a&b ".into(), from: 200, ..Select::default() };
        assert_eq!(by_size.query(), "?sort=size&desc=1&filter=a%26b&from=200");
        assert_eq!(by_size.first(), "?sort=size&desc=1&filter=a%26b");
        assert_eq!(by_size.unfiltered(), "?sort=size&desc=1");
        assert_eq!(by_size.sorted(Sort::Size), "?sort=size&filter=a%26b");
        assert_eq!(by_size.sorted(Sort::Changed), "?sort=changed&desc=1&filter=a%26b");
        assert_eq!(by_size.sorted(Sort::Name), "?filter=a%26b");
        assert_eq!(Select::default().query(), "");
        assert_eq!(Select::default().sorted(Sort::Name), "?desc=1");
    }
}
