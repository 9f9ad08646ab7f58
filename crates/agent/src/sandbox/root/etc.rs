//! What programs find in /etc: a few files of our own, and copies of what languages are configured by.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

const OWN: [(&str, &str); 5] = [
    ("passwd", "amphi:x:65534:65534:Amphi:/work:/bin/sh\n"),
    ("group", "amphi:x:65534:\n"),
    ("hostname", "amphi\n"),
    ("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
    ("hosts", "127.0.0.1 localhost amphi\n::1 localhost\n"),
];
/// Copied when they are there. Names that end in `*` stand for all that begin so.
const COPIED: [&str; 22] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "localtime",
    "timezone",
    "mime.types",
    "services",
    "protocols",
    "ssl/openssl.cnf",
    "ssl/certs/ca-certificates.crt",
    "ssl/certs/java",
    "java*",
    "jvm*",
    "R",
    "php",
    "perl",
    "python*",
    "lua*",
    "ruby*",
    "inputrc",
    "terminfo",
];
/// No configuration is larger; whoever put a data set there doesn't get it copied into memory.
const FILE_BYTES_MOST: u64 = 2 * 1024 * 1024;
const BYTES_MOST: u64 = 16 * 1024 * 1024;
const DEPTH_MOST: usize = 6;

enum Entry {
    Dir,
    Link(PathBuf),
    File(Vec<u8>),
}

/// Copies, by their path below /etc, directories before what is in them.
pub(super) struct Copies(Vec<(PathBuf, Entry)>);

impl Copies {
    /// Reads them while the machine's /etc is in sight. What can't be read, or not by everybody, is left out.
    pub(super) fn read(netns: Option<&str>) -> Self {
        let mut copies = Self(Vec::new());
        for (name, text) in OWN {
            copies.0.push((name.into(), Entry::File(text.as_bytes().to_vec())));
        }
        let mut left = BYTES_MOST;
        for name in COPIED {
            for path in matches(Path::new("/etc"), name) {
                copies.above(&path);
                copies.add(&Path::new("/etc").join(&path), path, DEPTH_MOST, &mut left);
            }
        }
        // As `ip netns exec` would have it. The resolver is the network's own; rooms without one have nobody to ask.
        let dir = netns.map(|name| Path::new("/etc/netns").join(name));
        for name in ["hosts", "resolv.conf"] {
            let Some(text) = dir.as_ref().and_then(|dir| fs::read(dir.join(name)).ok()) else { continue };
            copies.0.retain(|(path, _)| path != Path::new(name));
            copies.0.push((name.into(), Entry::File(text)));
        }
        copies
    }

    fn above(&mut self, path: &Path) {
        let above: Vec<&Path> = path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty()).collect();
        for dir in above.into_iter().rev() {
            if !self.0.iter().any(|(known, _)| known == dir) {
                self.0.push((dir.to_owned(), Entry::Dir));
            }
        }
    }

    fn add(&mut self, from: &Path, to: PathBuf, depth: usize, left: &mut u64) {
        let Ok(kind) = fs::symlink_metadata(from) else { return };
        if kind.is_symlink() {
            if let Ok(target) = fs::read_link(from) {
                self.0.push((to, Entry::Link(target)));
            }
        } else if kind.is_dir() && is_for_all(&kind) && depth > 0 {
            self.0.push((to.clone(), Entry::Dir));
            for entry in fs::read_dir(from).into_iter().flatten().flatten() {
                self.add(&entry.path(), to.join(entry.file_name()), depth - 1, left);
            }
        } else if kind.is_file()
            && is_for_all(&kind)
            && kind.len() <= (*left).min(FILE_BYTES_MOST)
            && let Ok(bytes) = fs::read(from)
        {
            *left = left.saturating_sub(bytes.len() as u64);
            self.0.push((to, Entry::File(bytes)));
        }
    }

    /// Writes them below `etc`, which is empty.
    pub(super) fn write(self, etc: &Path) -> io::Result<()> {
        for (path, entry) in self.0 {
            let path = etc.join(path);
            match entry {
                Entry::Dir => fs::create_dir(path)?,
                Entry::Link(target) => symlink(target, path)?,
                Entry::File(bytes) => fs::write(path, bytes)?,
            }
        }
        Ok(())
    }
}

fn is_for_all(kind: &fs::Metadata) -> bool {
    let needed = if kind.is_dir() { 0o005 } else { 0o004 };
    kind.permissions().mode() & needed == needed
}

fn matches(etc: &Path, name: &str) -> Vec<PathBuf> {
    let Some(start) = name.strip_suffix('*') else {
        return etc.join(name).symlink_metadata().map(|_| vec![PathBuf::from(name)]).unwrap_or_default();
    };
    let names = fs::read_dir(etc).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_str().is_some_and(|name| name.starts_with(start))).map(PathBuf::from).collect()
}
