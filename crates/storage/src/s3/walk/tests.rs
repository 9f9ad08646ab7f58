//! Listings against a plain sort of all keys.

use std::ops::Range;

use async_trait::async_trait;
use proptest::prelude::{ProptestConfig, prop, prop_assert_eq, proptest};

use super::*;
use crate::model::effect::Effect;
use crate::model::stripe::{Stripe, StripeId};
use crate::namespace::{Entry, Placed, Usage};

/// A tree in memory: entries of directory n, by name.
struct Tree {
    directories: Vec<BTreeMap<String, Inode>>,
}

fn inode(ino: Ino, kind: Kind) -> Inode {
    Inode {
        ino,
        kind,
        mode: 0o644,
        uid: 0,
        gid: 0,
        nlink: 1,
        size: 0,
        atime_ns: 0,
        mtime_ns: 0,
        ctime_ns: 0,
        target: None,
        device: 0,
        version: 1,
    }
}

impl Tree {
    /// With these keys, those that don't contradict one before.
    fn of(keys: &[String]) -> (Self, Vec<String>) {
        let (mut tree, mut kept) = (Self { directories: vec![BTreeMap::new()] }, Vec::new());
        'keys: for key in keys {
            let (mut at, mut parts) = (0, key.split('/').peekable());
            while let Some(part) = parts.next() {
                let is_last = parts.peek().is_none();
                match tree.directories[at].get(part) {
                    Some(found) if is_last || found.kind == Kind::File => continue 'keys,
                    Some(found) => at = found.ino as usize,
                    None if is_last => {
                        tree.directories[at].insert(part.to_owned(), inode(-1, Kind::File));
                    }
                    None => {
                        let new = tree.directories.len();
                        tree.directories.push(BTreeMap::new());
                        tree.directories[at].insert(part.to_owned(), inode(new as Ino, Kind::Directory));
                        at = new;
                    }
                }
            }
            kept.push(key.clone());
        }
        kept.sort();
        (tree, kept)
    }
}

#[async_trait]
impl Namespace for Tree {
    fn root(&self) -> Ino {
        0
    }

    async fn lookup(&self, parent: Ino, name: &Name) -> Result<Option<Entry>, NamespaceError> {
        let inode = self.directories[parent as usize].get(name.as_str());
        Ok(inode.map(|inode| Entry { name: name.clone(), inode: inode.clone(), first: None }))
    }

    async fn inode(&self, ino: Ino) -> Result<Option<Inode>, NamespaceError> {
        Ok(Some(inode(ino, Kind::Directory)))
    }

    async fn entries(&self, parent: Ino, after: Option<&Name>, limit: usize) -> Result<Vec<Entry>, NamespaceError> {
        let all = self.directories[parent as usize].iter();
        let after = all.filter(|(name, _)| after.is_none_or(|after| name.as_str() > after.as_str()));
        let entry = |(name, inode): (&String, &Inode)| Entry {
            name: Name::try_from(name.clone()).unwrap(),
            inode: inode.clone(),
            first: None,
        };
        Ok(after.map(entry).take(limit).collect())
    }

    async fn stripes(&self, _: Ino, _: u64, _: usize) -> Result<Vec<Placed>, NamespaceError> {
        Ok(Vec::new())
    }

    async fn stripe(&self, _: StripeId) -> Result<Option<Stripe>, NamespaceError> {
        Ok(None)
    }

    async fn xattrs(&self, _: Ino) -> Result<Vec<(String, Vec<u8>)>, NamespaceError> {
        Ok(Vec::new())
    }

    async fn apply(&self, _: Vec<Effect>) -> Result<Usage, NamespaceError> {
        Err(NamespaceError::ReadOnly)
    }

    async fn numbers(&self, _: u32) -> Result<Range<i64>, NamespaceError> {
        Err(NamespaceError::ReadOnly)
    }

    async fn usage(&self) -> Result<Usage, NamespaceError> {
        Ok(Usage::default())
    }
}

/// What S3 would list.
fn expected(keys: &[String], ask: &Ask<'_>) -> (Vec<String>, bool) {
    let mut items: Vec<String> = Vec::new();
    for key in keys.iter().filter(|key| key.starts_with(ask.prefix) && key.as_str() > ask.after) {
        let told = ask.delimiter.and_then(|delimiter| common(key, ask.prefix, delimiter)).unwrap_or(key);
        if told != ask.after && items.last().is_none_or(|last| last != told) {
            items.push(told.to_owned());
        }
    }
    let more = items.len() > ask.limit;
    items.truncate(ask.limit);
    (items, more)
}

async fn listed(tree: &Tree, ask: &Ask<'_>) -> (Vec<String>, bool) {
    let (items, more) = list(tree, ask).await.unwrap();
    (items.iter().map(|item| item.text().to_owned()).collect(), more)
}

#[tokio::test]
async fn a_name_that_continues_a_directory_comes_in_s3s_order() {
    let keys = ["a/x", "a-b/y", "a.txt", "a0", "a-b-c", ".s3-uploads/1/1"].map(str::to_owned);
    let (tree, _) = Tree::of(&keys);
    let all = Ask { prefix: "", delimiter: None, after: "", limit: 10 };
    assert_eq!(listed(&tree, &all).await.0, ["a-b-c", "a-b/y", "a.txt", "a/x", "a0"]);
    let flat = Ask { delimiter: Some("/"), ..all };
    assert_eq!(listed(&tree, &flat).await.0, ["a-b-c", "a-b/", "a.txt", "a/", "a0"]);
    assert_eq!(listed(&tree, &Ask { prefix: "a/", ..flat }).await.0, ["a/x"]);
    assert_eq!(listed(&tree, &Ask { prefix: "none/", ..flat }).await, (vec![], false));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn pages_are_those_of_a_sorted_list(
        keys in prop::collection::vec("[ab.0-]{1,3}(/[ab-]{1,2}){0,2}", 1..24),
        prefix in "([ab.-]{0,2})|(a/)|(a/[ab])",
        delimiter in prop::option::of("[/b-]"),
        limit in 1_usize..5,
    ) {
        let (tree, kept) = Tree::of(&keys.into_iter().filter(|key| key.split('/').all(|part| part != "." && part != "..")).collect::<Vec<_>>());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut after = String::new();
        for _ in 0..40 {
            let ask = Ask { prefix: &prefix, delimiter: delimiter.as_deref(), after: &after, limit };
            let (found, more) = runtime.block_on(listed(&tree, &ask));
            prop_assert_eq!(&(found.clone(), more), &expected(&kept, &ask), "after {:?}", after);
            match found.last() {
                Some(last) if more => after = last.clone(),
                _ => break,
            }
        }
    }
}
