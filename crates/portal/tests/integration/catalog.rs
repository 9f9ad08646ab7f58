//! The catalogs are complete, and every key that code and templates name is in them.

use std::collections::BTreeSet;

use portal::catalog::differences;

const EN: &str = include_str!("../../locales/en/portal.ftl");
const FR: &str = include_str!("../../locales/fr/portal.ftl");

#[test]
fn english_and_french_have_the_same_keys_and_arguments() {
    assert_eq!(differences(EN, FR), Vec::<String>::new());
}

fn keys() -> BTreeSet<&'static str> {
    EN.lines().filter(|l| !l.starts_with([' ', '#'])).filter_map(|l| l.split_once(" = ")).map(|(key, _)| key).collect()
}

/// The texts that follow `before` up to the next quote in every file of `dir` below this crate.
fn quoted(dir: &str, before: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for start in before {
            found.extend(
                text.split(start).skip(1).filter_map(|rest| rest.split_once('"')).map(|(key, _)| key.to_owned()),
            );
        }
    }
    found
}

#[test]
fn every_key_that_is_used_exists() {
    let keys = keys();
    let mut used = quoted("templates", &["t.text(\"", "t.arg(\""]);
    used.extend(quoted("src/pages", &["t.text(\"", "Flash::done(\"", "Flash::failed(\""]));
    let missing: Vec<_> = used.iter().filter(|key| !keys.contains(key.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_problem_of_the_services_has_a_sentence() {
    let keys = keys();
    let constructors = ["bad_request(", "not_signed_in(", "forbidden(", "not_found(", "conflict(", "unavailable("];
    let mut before: Vec<String> = constructors.iter().map(|c| format!("Problem::{c}\"")).collect();
    before.extend(constructors.iter().map(|c| format!("Problem::{c}\n            \"")));
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let codes = quoted("src", &before);
    assert!(codes.len() > 30, "{codes:?}");
    let missing: Vec<_> = codes.iter().filter(|code| !keys.contains(format!("problem-{code}").as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
