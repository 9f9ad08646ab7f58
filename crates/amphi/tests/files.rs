//! Rules for source files that no lint knows: their length, their names, how they begin, and what they import.

use std::path::{Path, PathBuf};

const MAX_LINES: usize = 400;

/// Words that name no duty, alone or as a part of a name.
const BANNED_WORDS: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "manager", "misc", "types2"];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("crates/ is there")
}

/// Every `.rs` file below `folder`.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of the workspace") {
        let path = entry.expect("an entry of the workspace").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Fails with all that `fault` says about the sources; it gets each path below `crates/` and its text.
fn check(rule: &str, fault: impl Fn(&Path, &str) -> Option<String>) {
    let crates = crates();
    let mut paths = Vec::new();
    sources(&crates, &mut paths);
    paths.sort();
    assert!(paths.len() > 10, "found no sources below {}", crates.display());
    let mut faults = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a source file is text");
        let below = path.strip_prefix(&crates).expect("found below it");
        faults.extend(fault(below, &text).map(|fault| format!("crates/{}: {fault}", below.display())));
    }
    assert!(faults.is_empty(), "{rule}:\n{}", faults.join("\n"));
}

#[test]
fn files_are_short() {
    check("split by duty", |_, text| {
        let lines = text.lines().count();
        (lines > MAX_LINES).then(|| format!("{lines} lines, at most {MAX_LINES}"))
    });
}

#[test]
fn files_say_what_they_are_for() {
    check("begin with a `//!` head", |_, text| {
        (!text.starts_with("//! ")).then(|| "no `//!` on its first line".into())
    });
}

#[test]
fn names_say_a_duty() {
    check("name the noun or the duty", |path, _| {
        if path.ends_with("mod.rs") {
            return Some("write `foo.rs` beside `foo/`".into());
        }
        let names = path.iter().filter_map(|part| part.to_str()).map(|part| part.trim_end_matches(".rs"));
        let banned = names.flat_map(|name| name.split(['_', '-'])).find(|word| BANNED_WORDS.contains(word))?;
        Some(format!("`{banned}` in its name"))
    });
}

#[test]
fn imports_name_what_they_import() {
    check("no `use …::*` outside tests", |path, text| {
        // testkit is used by tests alone.
        let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "testkit");
        if is_test { None } else { glob_import(production(text)) }
    });
}

/// The text before the unit tests, which stand last in a file.
fn production(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {").map_or(text, |start| &text[..start])
}

/// The first import statement with a `*` in it.
fn glob_import(text: &str) -> Option<String> {
    let starts = |line: &&str| ["use ", "pub use ", "pub(crate) use "].iter().any(|start| line.starts_with(start));
    let mut rest = text;
    while let Some(line) = rest.lines().next() {
        if starts(&line.trim_start()) {
            let statement = rest.split(';').next().unwrap_or(rest);
            if statement.contains('*') {
                return Some(format!("`{}`", statement.trim()));
            }
        }
        rest = rest.get(line.len() + 1..).unwrap_or_default();
    }
    None
}

#[test]
fn glob_imports_are_seen() {
    assert!(glob_import("use a::b;\nuse c::{\n    d,\n    e::*,\n};\n").is_some());
    assert!(glob_import("//! x\n    pub use a::*;").is_some());
    assert!(glob_import("use a::b;\nlet x = 2 * 3;\n").is_none());
    assert!(glob_import(production("use a::b;\n#[cfg(test)]\nmod tests {\n    use super::*;\n}\n")).is_none());
}
