//! The content of one file of RozoFS, from what its stores have of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use mojette::legacy::bins::{
    Assembled, BinsError, FILE_HEADER_BYTES, FileHeader, Record, assemble, record_bytes, record_offset,
};
use mojette::legacy::{BLOCK_BYTES, Layout, Transform};

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ContentError {
    #[error("reading {}", .0.display())]
    Io(PathBuf, #[source] io::Error),
    #[error("{}: {}", .0.display(), .1)]
    Header(PathBuf, BinsError),
    #[error("block {block}: {source}")]
    Block {
        block: u64,
        #[source]
        source: BinsError,
    },
}

/// One file, open on all stores that have it. Blocks are read in order.
pub(super) struct Content {
    layout: Layout,
    stores: Vec<(PathBuf, File)>,
    blocks: u64,
    next: u64,
    scratch: Vec<u8>,
    record: Vec<u8>,
}

impl Content {
    /// Opens what the stores have. Those of another layout than the first one's are passed over: RozoFS leaves them where a
    /// file was made anew.
    ///
    /// # Errors
    /// `Io` for any that can't be opened; `Header` when none begins as it should.
    pub(super) fn open(paths: &[PathBuf]) -> Result<Self, ContentError> {
        let (mut stores, mut layout, mut blocks) = (Vec::new(), None, 0);
        let mut refusal = None;
        for path in paths {
            let failed = |error| ContentError::Io(path.clone(), error);
            let file = File::open(path).map_err(failed)?;
            let mut header = vec![0; FILE_HEADER_BYTES as usize];
            let found = match file.read_exact_at(&mut header, 0) {
                Ok(()) => FileHeader::parse(&header),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => FileHeader::parse(&[]),
                Err(error) => return Err(failed(error)),
            };
            match found {
                Ok(found) if *layout.get_or_insert(found.layout) == found.layout => {
                    let bytes = file.metadata().map_err(failed)?.len() - FILE_HEADER_BYTES;
                    // A record that was cut off is made up for by others.
                    blocks = blocks.max(bytes.div_ceil(record_bytes(found.layout) as u64));
                    stores.push((path.clone(), file));
                }
                Ok(_) => {}
                Err(error) => refusal = Some(ContentError::Header(path.clone(), error)),
            }
        }
        let Some(layout) = layout else {
            let none = || ContentError::Header(PathBuf::new(), BinsError::TooFew { have: 0, need: 1 });
            return Err(refusal.unwrap_or_else(none));
        };
        let scratch = vec![0; Transform::rozofs(layout).scratch_bytes()];
        Ok(Self { layout, stores, blocks, next: 0, scratch, record: Vec::new() })
    }

    /// The next block; `None` at the end. All but the last have [`BLOCK_BYTES`].
    ///
    /// # Errors
    /// `Block` when too few stores agree on it.
    pub(super) fn block(&mut self) -> Result<Option<Vec<u8>>, ContentError> {
        if self.next == self.blocks {
            return Ok(None);
        }
        let block = self.next;
        self.next += 1;
        let size = record_bytes(self.layout);
        let cut = ContentError::Block { block, source: BinsError::Cut { what: "file", have: 0, need: 0 } };
        let offset = record_offset(self.layout, block).ok_or(cut)?;
        self.record.resize(size * self.stores.len(), 0);
        let mut records = Vec::with_capacity(self.stores.len());
        let places = self.record.chunks_exact_mut(size).zip(&self.stores);
        for (place, (path, file)) in places {
            match file.read_exact_at(place, offset) {
                Ok(()) => records.extend(Record::parse(self.layout, place)),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
                Err(error) => return Err(ContentError::Io(path.clone(), error)),
            }
        }
        let mut data = vec![0; BLOCK_BYTES];
        let assembled = assemble(self.layout, &records, &mut self.scratch, &mut data);
        match assembled.map_err(|source| ContentError::Block { block, source })? {
            Assembled::Written { effective_length, .. } if self.next == self.blocks => {
                data.truncate(effective_length.into());
            }
            Assembled::Written { effective_length, .. } => data[usize::from(effective_length)..].fill(0),
            Assembled::Hole => data.fill(0),
        }
        Ok(Some(data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file of RozoFS over six stores, as RozoFS would.
    fn written(root: &std::path::Path, data: &[u8]) -> Vec<PathBuf> {
        let (layout, transform) = (Layout::One, Transform::rozofs(Layout::One));
        let paths = (0..6).map(|index| {
            let mut file = vec![0; FILE_HEADER_BYTES as usize];
            file[0] = layout.number();
            for block in data.chunks(BLOCK_BYTES) {
                let mut whole = block.to_vec();
                whole.resize(BLOCK_BYTES, 0);
                let mut record = vec![0; record_bytes(layout)];
                record[..8].copy_from_slice(&1_700_000_000_000_000_u64.to_le_bytes());
                record[8..10].copy_from_slice(&(block.len() as u16).to_le_bytes());
                record[10] = index as u8;
                let bytes = transform.projection_bytes(index).unwrap();
                transform.project(&whole, index, &mut record[16..16 + bytes]).unwrap();
                file.extend(record);
            }
            let dir = root.join(format!("store-{index}/layout_1/spare_0/1-2-3-4-5-6"));
            std::fs::create_dir_all(&dir).unwrap();
            let path = dir.join("0b9a2e1c-0000-4000-8000-000000000001.bins");
            std::fs::write(&path, file).unwrap();
            path
        });
        paths.collect()
    }

    fn all(paths: &[PathBuf]) -> Result<Vec<u8>, ContentError> {
        let mut content = Content::open(paths)?;
        let mut data = Vec::new();
        while let Some(block) = content.block()? {
            data.extend(block);
        }
        Ok(data)
    }

    #[test]
    fn any_four_of_six_stores_give_the_file_back() {
        let dir = tempfile::tempdir().unwrap();
        let data: Vec<u8> = (0..20_000_u32).map(|at| ((at * 31) >> 3) as u8).collect();
        let paths = written(dir.path(), &data);
        assert_eq!(all(&paths).unwrap(), data);
        assert_eq!(all(&[&paths[1..3], &paths[4..]].concat()).unwrap(), data);
        // One of those that are left was cut off in its last record, another begins with nonsense.
        let file = File::options().write(true).open(&paths[0]).unwrap();
        file.set_len(FILE_HEADER_BYTES + 5_000).unwrap();
        std::fs::write(&paths[1], vec![9; 10_000]).unwrap();
        assert_eq!(all(&paths).unwrap(), data);
        assert!(matches!(all(&paths[..3]), Err(ContentError::Block { block: 0, .. })));
        assert!(matches!(all(&paths[1..2]), Err(ContentError::Header(..))));
    }
}
