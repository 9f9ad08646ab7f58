//! Zips as people make them, and as they had better not.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::*;

struct Entry<'a> {
    path: &'a str,
    data: &'a [u8],
    is_stored: bool,
    mode: u32,
}

fn entry<'a>(path: &'a str, data: &'a [u8]) -> Entry<'a> {
    Entry { path, data, is_stored: false, mode: 0o100_644 }
}

fn zip(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    for entry in entries {
        let method = if entry.is_stored { CompressionMethod::STORE } else { CompressionMethod::DEFLATE };
        // As it stands: the writer would mend what is tested here.
        let path = EntryPath::verbatim(entry.path.as_bytes());
        let builder = archive.new_file(path).compression_method(method).unix_permissions(entry.mode);
        let (mut out, config) = builder.start().unwrap();
        let descriptor = if entry.is_stored {
            let mut writer = config.wrap(&mut out);
            writer.write_all(entry.data).unwrap();
            writer.finish().unwrap().1
        } else {
            let mut writer = config.wrap(DeflateEncoder::new(&mut out, Compression::best()));
            writer.write_all(entry.data).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        };
        out.finish(descriptor).unwrap();
    }
    archive.finish().unwrap()
}

fn of_zip(entries: &[Entry<'_>]) -> ProgramRequest {
    ProgramRequest { zip: Some(zip(entries)), ..Default::default() }
}

fn paths(program: &Program) -> Vec<&str> {
    program.files().iter().map(|file| file.path.as_str()).collect()
}

#[test]
fn a_zip_is_its_files() {
    let entries = [
        entry("project/", b""),
        entry("project/util.py", b"def f(): pass"),
        entry("project/README", b"\xff"),
        entry("project/deep/main.py", b"other"),
        Entry { is_stored: true, ..entry("project/main.py", b"import util") },
        entry("__MACOSX/project/._main.py", b"\0\x05"),
    ];
    let program = program(of_zip(&entries)).unwrap();
    assert_eq!(program.language(), "python");
    assert_eq!(paths(&program), ["project/main.py", "project/util.py", "project/README", "project/deep/main.py"]);
    assert_eq!(program.files()[0].data, b"import util".as_slice());
}

#[test]
fn files_come_before_a_zip_and_the_language_picks_the_main_file() {
    let data = [entry("a.c", b"x"), entry("b.py", b"y")];
    let mixed = ProgramRequest { language: Some("python".into()), ..of_zip(&data) };
    assert_eq!(paths(&program(mixed).unwrap()), ["b.py", "a.c"]);
    let with_file = ProgramRequest { files: vec![file("go.sh", "ls")], ..of_zip(&data) };
    assert_eq!(paths(&program(with_file).unwrap()), ["go.sh", "a.c", "b.py"]);
    let twice = ProgramRequest { files: vec![file("a.c", "x")], ..of_zip(&data) };
    assert_eq!(refused(twice), "path-repeated");
}

#[test]
fn a_bomb_stops_at_the_bound() {
    let zeros = vec![b'#'; 64 << 20];
    let bomb = of_zip(&[entry("main.py", &zeros)]);
    assert!(bomb.zip.as_ref().unwrap().len() < SOURCE_BYTES / 8);
    assert_eq!(refused(bomb), "source-too-large");
    let half = vec![b'#'; SOURCE_BYTES / 2];
    assert!(program(of_zip(&[entry("a.py", &half), entry("b.py", &half)])).is_ok());
    assert_eq!(refused(of_zip(&[entry("a.py", &half), entry("b.py", &half), entry("c.py", b"#")])), "source-too-large");
    let with_file = ProgramRequest {
        files: vec![SourceFile { path: "main.py".into(), data: half.clone().into() }],
        ..of_zip(&[entry("a.py", &half), entry("b.py", b"#")])
    };
    assert_eq!(refused(with_file), "source-too-large");
    let names: Vec<String> = (0..=FILES_MAX).map(|n| format!("{n}.py")).collect();
    let many: Vec<_> = names.iter().map(|name| entry(name, b"x")).collect();
    assert_eq!(refused(of_zip(&many)), "too-many-files");
}

#[test]
fn a_lie_about_the_size_is_found_out() {
    let mut bytes = zip(&[entry("main.py", b"print('a program')")]);
    let central = bytes.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    bytes[central + 24] -= 1; // the uncompressed size
    assert_eq!(refused(ProgramRequest { zip: Some(bytes), ..Default::default() }), "zip-broken");
}

#[test]
fn what_leads_out_or_hides_is_refused() {
    for (path, code) in [
        ("../evil.py", "path-outside"),
        ("a/../../evil.py", "path-outside"),
        ("/etc/cron.d/evil", "path-absolute"),
        ("a\\..\\evil.py", "path-outside"),
    ] {
        assert_eq!(refused(of_zip(&[entry("main.py", b"x"), entry(path, b"x")])), code, "{path}");
    }
    let link = Entry { mode: 0o120_777, ..entry("shadow", b"/etc/shadow") };
    assert_eq!(refused(of_zip(&[entry("main.py", b"x"), link])), "zip-link");
    assert_eq!(refused(of_zip(&[entry("main.py", b"x"), entry("main.py", b"y")])), "path-repeated");
}

#[test]
fn damage_other_methods_and_passwords_are_named() {
    let good = zip(&[entry("main.py", b"print('a program')")]);
    let central = good.windows(4).position(|at| at == b"PK\x01\x02").unwrap();
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        refused(ProgramRequest { zip: Some(bytes), ..Default::default() })
    };
    assert_eq!(with(&|bytes| bytes[central + 10] = 12), "zip-method"); // bzip2
    assert_eq!(with(&|bytes| bytes[central + 8] |= 1), "zip-method"); // encrypted
    assert_eq!(with(&|bytes| bytes[central + 16] ^= 1), "zip-broken"); // checksum
    assert_eq!(with(&|bytes| bytes.truncate(central)), "zip-invalid");
    assert_eq!(with(&|bytes| *bytes = b"no zip".to_vec()), "zip-invalid");
    assert_eq!(refused(of_zip(&[entry("folder/", b"")])), "source-missing");
    assert_eq!(refused(of_zip(&[entry("notes.txt", b"x")])), "language-untold");
}
