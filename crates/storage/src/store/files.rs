//! The open files of a store's segments: as many as are in use, but no more than a bound, since a large store has hundreds of
//! thousands of segments.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::segment::SegmentId;

/// Files that one store keeps open, besides the one that is written.
const OPEN_MAX: usize = 128;

/// See the file's head. The last one used is the last in the list.
#[derive(Debug, Default)]
pub(super) struct OpenFiles(Mutex<VecDeque<(SegmentId, Arc<File>)>>);

impl OpenFiles {
    /// A segment's file, to read and write.
    ///
    /// # Errors
    /// The system's, when it has to be opened and can't be.
    pub(super) fn get(&self, id: SegmentId, path: &Path) -> io::Result<Arc<File>> {
        if let Some(file) = self.found(id) {
            return Ok(file);
        }
        let file = Arc::new(File::options().read(true).write(true).open(path)?);
        self.keep(id, &file);
        Ok(file)
    }

    /// Keeps a file open that was opened elsewhere.
    pub(super) fn keep(&self, id: SegmentId, file: &Arc<File>) {
        let mut open = self.open();
        open.push_back((id, Arc::clone(file)));
        if open.len() > OPEN_MAX {
            open.pop_front();
        }
    }

    /// Closes a file once nobody uses it any more.
    pub(super) fn forget(&self, id: SegmentId) {
        self.open().retain(|(other, _)| *other != id);
    }

    fn found(&self, id: SegmentId) -> Option<Arc<File>> {
        let mut open = self.open();
        let at = open.iter().rposition(|(other, _)| *other == id)?;
        let found = open.remove(at)?;
        let file = Arc::clone(&found.1);
        open.push_back(found);
        Some(file)
    }

    fn open(&self) -> MutexGuard<'_, VecDeque<(SegmentId, Arc<File>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_stay_open_and_those_in_use_do() {
        let dir = tempfile::tempdir().unwrap();
        let files = OpenFiles::default();
        let path = |id: SegmentId| dir.path().join(id.to_string());
        (0..=OPEN_MAX as u64).for_each(|id| drop(File::create(path(id)).unwrap()));
        let first = files.get(0, &path(0)).unwrap();
        for id in 1..=OPEN_MAX as u64 {
            files.get(id, &path(id)).unwrap();
            files.get(0, &path(0)).unwrap();
        }
        assert_eq!(files.open().len(), OPEN_MAX);
        assert!(Arc::ptr_eq(&first, &files.get(0, &path(0)).unwrap()), "it was used all the while");
        assert!(files.found(1).is_none(), "it was used longest ago");
        files.forget(0);
        assert_eq!(Arc::strong_count(&first), 1);
    }
}
