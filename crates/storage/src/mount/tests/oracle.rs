//! The same calls, by path, on a directory of this machine and on the core.

use std::fs::{self, OpenOptions, Permissions};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FallocateFlags, OFlag, RenameFlags, fallocate, renameat2};

use super::memory::ROOT;
use crate::model::inode::{Ino, Kind};
use crate::model::name::Name;
use crate::mount::core::{Aim, Core};
use crate::mount::tree::{By, Changes, Make, Rename};

pub(super) const BY: By = By { uid: 0, gid: 0, now_ns: 5 };

/// One call. Paths are lists of names.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Create(Vec<String>),
    Mkdir(Vec<String>),
    Symlink(Vec<String>),
    Unlink(Vec<String>),
    Rmdir(Vec<String>),
    Rename(Vec<String>, Vec<String>, Rename),
    Link(Vec<String>, Vec<String>),
    Write(Vec<String>, u64, usize, u8),
    Truncate(Vec<String>, u64),
    Punch(Vec<String>, u64, u64),
    Chmod(Vec<String>, u32),
    Xattr(Vec<String>, Option<u8>),
}

/// A directory of this machine.
pub(super) struct Oracle {
    path: PathBuf,
    /// Removed with it.
    _directory: Option<tempfile::TempDir>,
}

fn of(error: std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().expect("the system said why"))
}

pub(super) fn bytes(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|n| seed.wrapping_add((n / 7) as u8).wrapping_add(n as u8)).collect()
}

impl Oracle {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir_in("/dev/shm").unwrap();
        Self { path: directory.path().to_owned(), _directory: Some(directory) }
    }

    /// One that is there already.
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), _directory: None }
    }

    fn path(&self, path: &[String]) -> PathBuf {
        path.iter().fold(self.path.clone(), |above, name| above.join(name))
    }

    fn open(&self, path: &[String]) -> Result<fs::File, Errno> {
        OpenOptions::new().write(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(self.path(path)).map_err(of)
    }

    pub(super) fn call(&self, call: &Call) -> Result<(), Errno> {
        match call {
            Call::Create(path) => {
                let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(self.path(path));
                file.map(|_| ()).map_err(of)
            }
            Call::Mkdir(path) => fs::create_dir(self.path(path)).map_err(of),
            Call::Symlink(path) => symlink("nowhere", self.path(path)).map_err(of),
            Call::Unlink(path) => nix::unistd::unlink(&self.path(path)),
            Call::Rmdir(path) => fs::remove_dir(self.path(path)).map_err(of),
            Call::Rename(from, to, how) => {
                let flags = match how {
                    Rename::Replace => RenameFlags::empty(),
                    Rename::Fresh => RenameFlags::RENAME_NOREPLACE,
                    Rename::Exchange => RenameFlags::RENAME_EXCHANGE,
                };
                renameat2(AT_FDCWD, &self.path(from), AT_FDCWD, &self.path(to), flags)
            }
            Call::Link(from, to) => fs::hard_link(self.path(from), self.path(to)).map_err(of),
            Call::Write(path, offset, length, seed) => {
                self.open(path)?.write_all_at(&bytes(*seed, *length), *offset).map_err(of)
            }
            Call::Truncate(path, size) => self.open(path)?.set_len(*size).map_err(of),
            Call::Punch(path, offset, length) => {
                let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
                fallocate(self.open(path)?.as_fd(), flags, *offset as i64, *length as i64)
            }
            // Through a link it would change what the link names.
            Call::Chmod(path, mode) => {
                fs::symlink_metadata(self.path(path)).map_err(of)?;
                match fs::symlink_metadata(self.path(path)).map_err(of)?.is_symlink() {
                    true => Err(Errno::ELOOP),
                    false => fs::set_permissions(self.path(path), Permissions::from_mode(*mode)).map_err(of),
                }
            }
            Call::Xattr(path, value) => {
                self.open(path)?;
                let value = value.map(|value| vec![value; 3]);
                set_xattr(&self.path(path), value.as_deref())
            }
        }
    }

    /// All there is, as lines.
    pub(super) fn picture(&self) -> Vec<String> {
        let mut lines = Vec::new();
        draw(&self.path, "", &mut lines);
        lines
    }
}

fn draw(path: &Path, shown: &str, lines: &mut Vec<String>) {
    let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    for name in names {
        let (path, shown) = (path.join(&name), format!("{shown}/{}", name.display()));
        let meta = fs::symlink_metadata(&path).unwrap();
        let (mode, nlink) = (meta.mode() & 0o7777, meta.nlink());
        if meta.is_dir() {
            lines.push(format!("{shown} directory {mode:o} {nlink}"));
            draw(&path, &shown, lines);
        } else if meta.is_symlink() {
            lines.push(format!("{shown} -> {}", fs::read_link(&path).unwrap().display()));
        } else {
            let content = super::model::digest(&fs::read(&path).unwrap());
            let xattr = get_xattr(&path);
            lines.push(format!("{shown} file {mode:o} {nlink} {} {content} {xattr:?}", meta.len()));
        }
    }
}

fn set_xattr(path: &Path, value: Option<&[u8]>) -> Result<(), Errno> {
    let mut command = std::process::Command::new("setfattr");
    match value {
        Some(value) => command.args(["-n", "user.test", "-v", std::str::from_utf8(value).unwrap()]),
        None => command.args(["-x", "user.test"]),
    };
    let done = command.arg(path).stderr(std::process::Stdio::null()).status().unwrap();
    if done.success() { Ok(()) } else { Err(Errno::ENODATA) }
}

fn get_xattr(path: &Path) -> Option<String> {
    let output = std::process::Command::new("getfattr").args(["--only-values", "-n", "user.test"]).arg(path).output();
    let output = output.unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// The core, called by path.
#[derive(Clone)]
pub(super) struct Paths(pub(super) Arc<Core>);

fn name(text: &str) -> Name {
    Name::try_from(text.to_owned()).unwrap()
}

impl Paths {
    async fn find(&self, path: &[String]) -> Result<(Ino, Kind), Errno> {
        let mut at = (ROOT, Kind::Directory);
        for part in path {
            if at.1 == Kind::Symlink {
                return Err(Errno::ENOENT);
            }
            let part = name(part);
            let found =
                self.0.run(Aim::Look, |tree| Ok(tree.lookup(at.0, &part)?.map(|inode| (inode.ino, inode.kind))));
            at = found.await?.ok_or(Errno::ENOENT)?;
        }
        Ok(at)
    }

    async fn parent(&self, path: &[String]) -> Result<(Ino, Name), Errno> {
        let (last, above) = path.split_last().unwrap();
        match self.find(above).await? {
            (_, Kind::Symlink) => Err(Errno::ENOENT),
            (ino, Kind::Directory) => Ok((ino, name(last))),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// A file that is there, to be written to.
    async fn file(&self, path: &[String]) -> Result<Ino, Errno> {
        match self.find(path).await? {
            (ino, Kind::File) => Ok(ino),
            (_, Kind::Directory) => Err(Errno::EISDIR),
            _ => Err(Errno::ELOOP),
        }
    }

    async fn make(&self, path: &[String], kind: Kind, mode: u32, target: Option<&str>) -> Result<(), Errno> {
        let (parent, name) = self.parent(path).await?;
        let make = Make { kind, mode, target: target.map(str::to_owned), device: 0 };
        self.0.run(Aim::Change, |tree| tree.make(&BY, parent, &name, &make)).await.map(|_| ())
    }

    pub(super) async fn call(&self, call: &Call) -> Result<(), Errno> {
        let core = &self.0;
        match call {
            Call::Create(path) => self.make(path, Kind::File, 0o644, None).await,
            Call::Mkdir(path) => self.make(path, Kind::Directory, 0o755, None).await,
            Call::Symlink(path) => self.make(path, Kind::Symlink, 0o777, Some("nowhere")).await,
            Call::Unlink(path) => {
                let (parent, name) = self.parent(path).await?;
                core.run(Aim::Less, |tree| tree.unlink(&BY, parent, &name)).await
            }
            Call::Rmdir(path) => {
                let (parent, name) = self.parent(path).await?;
                core.run(Aim::Less, |tree| tree.rmdir(&BY, parent, &name)).await
            }
            Call::Rename(from, to, how) => {
                let (one, two) = (self.parent(from).await?, self.parent(to).await?);
                core.run(Aim::Change, |tree| tree.rename(&BY, (one.0, &one.1), (two.0, &two.1), *how)).await
            }
            Call::Link(from, to) => {
                let (ino, _) = self.find(from).await?;
                let (parent, name) = self.parent(to).await?;
                core.run(Aim::Change, |tree| tree.link(&BY, ino, parent, &name)).await
            }
            Call::Write(path, offset, length, seed) => {
                let (ino, data) = (self.file(path).await?, bytes(*seed, *length));
                let written = core.run(Aim::Change, |tree| tree.write(&BY, ino, *offset, &data)).await?;
                core.clone().put_early(written.full).await;
                Ok(())
            }
            Call::Truncate(path, size) => {
                let changes = Changes { size: Some(*size), ..Changes::default() };
                let ino = self.file(path).await?;
                core.run(Aim::Change, |tree| tree.set_attributes(&BY, ino, &changes)).await
            }
            Call::Punch(path, offset, length) => {
                let ino = self.file(path).await?;
                core.run(Aim::Change, |tree| tree.punch(&BY, ino, *offset, *length)).await
            }
            Call::Chmod(path, mode) => {
                let (ino, kind) = self.find(path).await?;
                if kind == Kind::Symlink {
                    return Err(Errno::ELOOP);
                }
                let changes = Changes { mode: Some(*mode), ..Changes::default() };
                core.run(Aim::Change, |tree| tree.set_attributes(&BY, ino, &changes)).await
            }
            Call::Xattr(path, value) => {
                let ino = self.file(path).await?;
                let value = value.map(|value| vec![value; 3]);
                core.run(Aim::Change, |tree| match &value {
                    Some(value) => tree.xattr_set(&BY, ino, "user.test", value, None),
                    None => tree.xattr_remove(&BY, ino, "user.test"),
                })
                .await
            }
        }
    }

    pub(super) async fn read(&self, ino: Ino, offset: u64, length: usize) -> Result<Vec<u8>, Errno> {
        let parts = self.0.run(Aim::Look, |tree| tree.read(ino, offset, length)).await?;
        Ok(self.0.gather(parts, false).await?.to_vec())
    }

    /// All there is, as lines.
    pub(super) async fn picture(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut todo = vec![(ROOT, String::new())];
        while let Some((ino, above)) = todo.pop() {
            let mut after = None;
            loop {
                let page = self.0.page(ino, after.clone()).await.unwrap();
                for item in &page.items {
                    let (inode, shown) = (&item.attributes.inode, format!("{above}/{}", item.name));
                    lines.push(self.line(inode, &shown).await);
                    if inode.kind == Kind::Directory {
                        todo.push((inode.ino, shown));
                    }
                }
                after = page.next.clone();
                if after.is_none() {
                    break;
                }
            }
        }
        lines
    }

    async fn line(&self, inode: &crate::model::inode::Inode, shown: &str) -> String {
        let (mode, nlink, ino) = (inode.mode, inode.nlink, inode.ino);
        match inode.kind {
            Kind::Directory => format!("{shown} directory {mode:o} {nlink}"),
            Kind::Symlink => format!("{shown} -> {}", inode.target.as_ref().unwrap()),
            _ => {
                let content = super::model::digest(&self.read(ino, 0, 1 << 30).await.unwrap());
                let xattr = self.0.run(Aim::Look, |tree| tree.xattr(ino, "user.test")).await.ok();
                let xattr = xattr.map(|value| String::from_utf8(value).unwrap());
                format!("{shown} file {mode:o} {nlink} {} {content} {xattr:?}", inode.size)
            }
        }
    }
}
