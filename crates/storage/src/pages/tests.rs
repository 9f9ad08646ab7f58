//! The catalogs are complete: both languages have the same sentences, and every code of the services has one.

mod files;
mod volumes;

use portal::catalog::differences;
use portal::{Catalog, Locale, Problem};

use super::catalogs;
use crate::file::{FileError, FilePath};
use crate::model::volume::NameRefusal;
use crate::namespace::NamespaceError;
use crate::service::ServiceError;

/// What only `amphi mount` and the API send, or what other crates’ catalogs have the keys of.
const OF_OTHERS: [&str; 3] = ["certificate-request", "text-invalid", "node-unknown"];

/// The codes in a source, whatever rustfmt made of its lines.
fn codes(source: &str) -> Vec<String> {
    let source: String = source.split_whitespace().collect();
    ["bad_request", "not_found", "conflict", "forbidden", "no_capacity", "unavailable"]
        .iter()
        .flat_map(|kind| source.split(&format!("::{kind}(\"")).skip(1).map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .filter(|code| !OF_OTHERS.contains(&code.as_str()))
        .collect()
}

#[test]
fn english_and_french_have_the_same_sentences() {
    let (en, fr) = (include_str!("../../locales/en/storage.ftl"), include_str!("../../locales/fr/storage.ftl"));
    assert_eq!(differences(en, fr), Vec::<String>::new());
}

#[test]
fn every_code_of_the_services_has_a_sentence() {
    let catalog = Catalog::new(catalogs()).unwrap();
    let sources =
        [include_str!("../service.rs"), include_str!("../service/file.rs"), include_str!("../s3/key.rs")].map(codes);
    let codes = sources.concat();
    assert!(codes.len() >= 40, "only {codes:?} were found");
    let lacking: Vec<_> = codes
        .iter()
        .flat_map(|code| Locale::ALL.map(|locale| (locale, format!("problem-{code}"))))
        .filter(|(locale, key)| catalog.find(*locale, key, &[]).is_none())
        .collect();
    assert!(lacking.is_empty(), "{lacking:?}");
}

#[test]
fn sentences_get_the_arguments_they_use() {
    use ServiceError as E;
    let text = || "x".to_owned();
    let path = || FilePath::parse("a/b").unwrap();
    let problems: [Problem; 15] = [
        E::ExportUnknown(text()).into(),
        E::ExportReadOnly(text()).into(),
        E::ExportBusy { export: text(), sessions: 2 }.into(),
        E::ExportHasSnapshots { export: text(), snapshots: 1 }.into(),
        E::SnapshotUnknown(text()).into(),
        E::Name(NameRefusal(text())).into(),
        E::NameTaken(text()).into(),
        E::VolumeUnknown(text()).into(),
        E::VolumeHasExports { volume: text(), exports: text() }.into(),
        E::VolumeShared(text()).into(),
        E::TooFewStores { layout: 1, have: 2, need: 6 }.into(),
        E::StoreOffered(7).into(),
        NamespaceError::Invalid(text()).into(),
        FileError::NotFound(path()).into(),
        FileError::TooDeep(9).into(),
    ];
    let catalog = Catalog::new(catalogs()).unwrap();
    for problem in problems {
        for locale in Locale::ALL {
            let sentence = catalog.find(locale, &format!("problem-{}", problem.code()), problem.args()).unwrap();
            assert!(!sentence.contains("{$"), "{sentence}");
        }
    }
}
