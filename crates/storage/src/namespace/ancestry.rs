//! Keeps directories a tree. Who changes a name space works the changes out himself, so it is looked at here that nobody
//! puts a directory below itself, or under a second name: nothing could be reached there, or removed, any more.

use std::collections::{BTreeMap, BTreeSet};

use db::{Database, DbError};

use super::NamespaceError;
use crate::model::inode::{Ino, Kind};
use crate::model::name::Name;
use crate::model::plan::Plan;
use crate::queries::inode::{directories_among, entries_of};

/// Stored directories that are looked at on the way up, at most: far deeper than a path can be.
const STEPS_MAX: usize = 4_096;

/// A name in a directory.
pub(crate) type Named = (Ino, Name, Ino);

/// The stored names that lead from where a plan puts directories up to the root. As long as they do, it makes no ring.
///
/// # Errors
/// `Invalid`: it makes one, or gives a directory a second name.
pub(crate) async fn ancestry(db: &Database, space: i64, root: Ino, plan: &Plan) -> Result<Vec<Named>, NamespaceError> {
    let added = directories_added(db, space, plan).await?;
    let mut up = BTreeMap::new();
    for (parent, ino) in &added {
        if up.insert(*ino, *parent).is_some() {
            return Err(two_names(*ino));
        }
    }
    let new: BTreeSet<Ino> = plan.inodes_new.iter().map(|inode| inode.ino).collect();
    let moved: Vec<Ino> = up.keys().copied().filter(|ino| !new.contains(ino)).collect();
    let named = stored(db, space, plan, &moved).await?;
    if let Some((_, _, ino)) = named.first() {
        return Err(two_names(*ino));
    }
    // What is new can only be above what is moved here.
    let ends = |ino: Ino| ino == root || new.contains(&ino) || moved.is_empty();
    let (mut way, mut sound) = (Vec::new(), BTreeSet::new());
    for start in up.keys().copied() {
        let (mut path, mut ino) = (BTreeSet::new(), start);
        while !sound.contains(&ino) {
            if !path.insert(ino) {
                return Err(NamespaceError::Invalid(format!("directory {ino} would be below itself")));
            }
            ino = match up.get(&ino) {
                Some(parent) => *parent,
                None if ends(ino) => break,
                None => {
                    let Some(entry) = stored(db, space, plan, &[ino]).await?.pop() else { break };
                    let parent = entry.0;
                    way.push(entry);
                    if way.len() > STEPS_MAX {
                        return Err(NamespaceError::Invalid("the directories are too deep".to_owned()));
                    }
                    parent
                }
            };
        }
        sound.append(&mut path);
    }
    Ok(way)
}

fn two_names(ino: Ino) -> NamespaceError {
    NamespaceError::Invalid(format!("directory {ino} can't have two names"))
}

/// The directories to which the plan gives a name: parent and number.
async fn directories_added(db: &Database, space: i64, plan: &Plan) -> Result<Vec<(Ino, Ino)>, DbError> {
    let kinds = plan.inodes_new.iter().chain(plan.inodes_changed.iter().map(|(_, inode)| inode));
    let kinds: BTreeMap<Ino, Kind> = kinds.map(|inode| (inode.ino, inode.kind)).collect();
    let unknown = plan.entries_added.iter().map(|(_, _, ino)| *ino).filter(|ino| !kinds.contains_key(ino));
    let unknown: Vec<Ino> = unknown.collect();
    let found: BTreeSet<Ino> = directories_among(db, space, &unknown).await?.into_iter().collect();
    let is_directory = |ino: &Ino| kinds.get(ino) == Some(&Kind::Directory) || found.contains(ino);
    let added = plan.entries_added.iter().filter(|(_, _, ino)| is_directory(ino));
    Ok(added.map(|(parent, _, ino)| (*parent, *ino)).collect())
}

/// The stored names of inodes that the plan does not remove.
async fn stored(db: &Database, space: i64, plan: &Plan, inodes: &[Ino]) -> Result<Vec<Named>, DbError> {
    let mut entries = entries_of(db, space, inodes).await?;
    // In order: the plan comes from a map.
    entries.retain(|entry| plan.entries_removed.binary_search(entry).is_err());
    Ok(entries)
}
