//! Archives that are taken, and all that is refused.

use std::io::Cursor;

use tar::{Builder, Header};

use super::*;
use crate::model::metadata::tests::metadata_xml;

const LIMITS: Limits = Limits { entries: 50, bytes: 100_000 };

/// A header of any name, which the library would not write.
fn header(name: &str, kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

/// A tar of these files.
pub(crate) fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in files {
        builder.append(&header(name, EntryType::Regular, content.len() as u64), *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A recording in one format, as its server packs it.
pub(crate) fn recording_tar(id: &str, format: &str, meta: &str) -> Vec<u8> {
    let xml = metadata_xml(id, format, meta);
    let (metadata, page) = (format!("{format}/{id}/metadata.xml"), format!("{format}/{id}/index.html"));
    tar_of(&[(&metadata, xml.as_bytes()), (&page, b"<p>Hello</p>")])
}

fn unpacked(tar: &[u8]) -> Result<Vec<Part>, ArchiveError> {
    let dir = tempfile::tempdir().unwrap();
    let parts = unpack(Cursor::new(tar), dir.path(), LIMITS);
    let above = std::fs::read_dir(dir.path().parent().unwrap()).unwrap();
    assert!(above.flatten().all(|entry| entry.file_name() != "evil"), "nothing is written beside the folder");
    parts
}

#[test]
fn several_formats_come_in_one_archive() {
    let (video, notes) = (metadata_xml("ab-1", "video", ""), metadata_xml("ab-1", "notes", ""));
    let dir = tempfile::tempdir().unwrap();
    let tar = tar_of(&[
        ("./video/ab-1/metadata.xml", video.as_bytes()),
        ("video/ab-1/deep/er/v.webm", b"x"),
        ("notes/ab-1/metadata.xml", notes.as_bytes()),
    ]);
    let parts = unpack(Cursor::new(tar), dir.path(), LIMITS).unwrap();
    let folders: Vec<_> = parts.iter().map(|part| part.folder.as_str()).collect();
    assert_eq!(folders, ["notes", "video"]);
    assert_eq!(std::fs::read(parts[1].path.join("deep/er/v.webm")).unwrap(), b"x");
}

#[test]
fn paths_that_lead_out_are_refused() {
    for name in ["../evil", "video/ab-1/../../../evil", "/video/ab-1/evil", "video/ab-1/x/../../../../evil"] {
        assert!(matches!(unpacked(&tar_of(&[(name, b"x")])), Err(ArchiveError::Path(_))), "{name}");
    }
    for name in ["evil", "video/evil", ".git/x/evil", "video/.x/evil"] {
        assert!(matches!(unpacked(&tar_of(&[(name, b"x")])), Err(ArchiveError::Place(_))), "{name}");
    }
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo] {
        let mut header = header("video/ab-1/x", kind, 0);
        if kind == EntryType::Symlink || kind == EntryType::Link {
            header.set_link_name("/etc/passwd").unwrap();
            header.set_cksum();
        }
        let mut builder = Builder::new(Vec::new());
        builder.append(&header, io::empty()).unwrap();
        let tar = builder.into_inner().unwrap();
        assert!(matches!(unpacked(&tar), Err(ArchiveError::Kind(_))), "{kind:?}");
    }
}

#[test]
fn more_than_the_limits_is_refused() {
    let names: Vec<String> = (0..51).map(|n| format!("video/ab-1/{n}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert!(matches!(unpacked(&tar_of(&files)), Err(ArchiveError::Entries(50))));
    let big = vec![0; 60_000];
    let tar = tar_of(&[("video/ab-1/a", &big), ("video/ab-1/b", &big)]);
    assert!(matches!(unpacked(&tar), Err(ArchiveError::Bytes(100_000))));
}

#[test]
fn a_size_that_is_only_said_is_refused() {
    let header = header("video/ab-1/a", EntryType::Regular, 99_999);
    let mut tar = header.as_bytes().to_vec();
    tar.extend([0; 2_048]);
    assert!(matches!(unpacked(&tar), Err(ArchiveError::CutOff(_))));
}

#[test]
fn what_is_cut_off_is_refused_wherever() {
    let tar = recording_tar("ab-1", "video", "");
    assert!(unpacked(&tar).is_ok());
    for length in [0, 100, 511, 512, 700, 1_024, tar.len() - 1_024, tar.len() - 600] {
        let refused = unpacked(&tar[..length]);
        assert!(matches!(refused, Err(ArchiveError::CutOff(_))), "{length}: {refused:?}");
    }
    assert!(matches!(unpacked(b"hello"), Err(ArchiveError::CutOff(_))));
    assert!(matches!(unpacked(&[b'x'; 4_096]), Err(ArchiveError::CutOff(_))));
    assert!(matches!(unpacked(&[0; 10_240]), Err(ArchiveError::Empty)));
}

#[test]
fn metadata_has_to_be_there_and_right() {
    assert!(matches!(unpacked(&tar_of(&[("video/ab-1/x", b"x")])), Err(ArchiveError::NoMetadata(_))));
    let with = |xml: &str| unpacked(&tar_of(&[("video/ab-1/metadata.xml", xml.as_bytes())])).unwrap_err();
    assert!(matches!(with("hello"), ArchiveError::Metadata { .. }));
    let good = metadata_xml("ab-1", "video", "");
    let typed = good.replace("<recording>", "<!DOCTYPE r><recording>");
    assert!(matches!(with(&typed), ArchiveError::Metadata { .. }));
    assert!(matches!(with(&metadata_xml("cd-2", "video", "")), ArchiveError::OtherRecording { .. }));
    assert!(matches!(with(&good.replace("<id>ab-1", "<id>..")), ArchiveError::Metadata { .. }));
}
