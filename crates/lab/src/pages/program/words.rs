//! The sentences that the page's scripts say.

use std::collections::BTreeMap;

use portal::PageContext;

/// Keys of the catalog.
pub(in crate::pages) const TEXTS: [&str; 18] = [
    "program-backslash-open",
    "program-draft-kept",
    "program-draft-too-large",
    "program-faults",
    "program-file-binary",
    "program-file-name-bad",
    "program-file-name-taken",
    "program-file-new",
    "program-file-rename",
    "program-file-too-large",
    "program-input-lost",
    "program-input-refused",
    "program-own-empty",
    "program-own-up",
    "program-own-more",
    "program-quote-open",
    "program-stdin-no-text",
    "program-file-no-text",
];

/// CodeMirror's own phrases, and the key of each.
pub(in crate::pages) const PHRASES: [(&str, &str); 17] = [
    ("Find", "editor-find"),
    ("Replace", "editor-replace-with"),
    ("next", "editor-next"),
    ("previous", "editor-previous"),
    ("all", "editor-all"),
    ("match case", "editor-match-case"),
    ("regexp", "editor-regexp"),
    ("by word", "editor-by-word"),
    ("replace", "editor-replace"),
    ("replace all", "editor-replace-all"),
    ("close", "editor-close"),
    ("current match", "editor-current-match"),
    ("on line", "editor-on-line"),
    ("replaced match on line $", "editor-replaced-line"),
    ("replaced $ matches", "editor-replaced"),
    ("Go to line", "editor-go-to-line"),
    ("go", "editor-go"),
];

/// By the name that the scripts know it by.
pub(super) fn texts(t: &PageContext) -> BTreeMap<&'static str, String> {
    TEXTS.into_iter().map(|key| (key, key)).chain(PHRASES).map(|(name, key)| (name, t.text(key))).collect()
}
