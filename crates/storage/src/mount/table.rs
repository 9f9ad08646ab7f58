//! What is mounted where. Source: proc_pid_mountinfo(5).

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What the source of our mounts begins with; the export follows.
pub(super) const SOURCE: &str = "amphi:";

/// Whether what is mounted on a directory, given by its whole path, is a mount of ours; `None`: nothing is, or the table can't
/// be read.
pub(super) fn is_ours(directory: &Path) -> Option<bool> {
    let table = std::fs::read("/proc/self/mountinfo").ok()?;
    let (kind, source) = mounted(&table, directory)?;
    // With or without the subtype, as the kernel or `fusermount3` mounted it.
    Some(kind.split(|byte| *byte == b'.').next() == Some(b"fuse") && source.starts_with(SOURCE.as_bytes()))
}

/// The type and the source of what was mounted last on a directory.
fn mounted<'a>(table: &'a [u8], directory: &Path) -> Option<(&'a [u8], &'a [u8])> {
    let escaped = escape(directory.as_os_str().as_bytes());
    let lines = table.split(|byte| *byte == b'\n').rev();
    let mut fields = lines.map(|line| line.split(|byte| *byte == b' '));
    // ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG…] - TYPE SOURCE OPTIONS
    let mut found = fields.find_map(|mut line| (line.nth(4) == Some(escaped.as_slice())).then_some(line))?;
    found.find(|field| field == b"-")?;
    Some((found.next()?, found.next()?))
}

fn escape(path: &[u8]) -> Vec<u8> {
    let escaped = |byte: &u8| match byte {
        b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
        byte => vec![*byte],
    };
    path.iter().flat_map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_those_on_a_directory_counts() {
        let table = b"22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
            40 22 0:33 / /mnt/a\\040b rw,nosuid shared:3 - fuse.amphi amphi:films rw\n\
            41 22 0:34 / /mnt/c rw - fuse.amphi amphi:films rw\n\
            42 41 0:35 / /mnt/c rw master:1 shared:2 - tmpfs none rw\n";
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let seen = |path: &str| mounted(table, Path::new(path)).map(|(kind, source)| (text(kind), text(source)));
        assert_eq!(seen("/mnt/a b").unwrap(), ("fuse.amphi".into(), "amphi:films".into()));
        assert_eq!(seen("/mnt/c").unwrap(), ("tmpfs".into(), "none".into()));
        assert_eq!(seen("/").unwrap(), ("ext4".into(), "/dev/sda1".into()));
        assert_eq!(seen("/mnt"), None);
    }

    #[test]
    fn what_is_mounted_here_is_not_ours() {
        assert_eq!(is_ours(Path::new("/proc")), Some(false));
        assert_eq!(is_ours(Path::new("/proc/self")), None);
    }
}
