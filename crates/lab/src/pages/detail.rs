//! What a node said of how a run ended, in the reader's language. Nodes write English sentences into what is stored and
//! what the API tells; those that this page knows are told in its own words, others as they are.

use portal::PageContext;

/// Sentences without anything in them.
const FIXED: [(&str, &str); 9] = [
    ("it made a system call that no program may make", "detail-blocked-call"),
    ("it used more memory than this node has for it", "detail-memory-node"),
    ("it used more processor time than this node has for it", "detail-cpu-time-node"),
    ("it wanted more processes and threads than this node has for it", "detail-processes-node"),
    ("it wrote a file of more bytes than this node has for it", "detail-file-size-node"),
    ("the node's sandbox ended under it", "detail-sandbox"),
    ("the agent was stopped", "detail-agent"),
    ("this node takes no programs", "detail-no-programs"),
    ("nothing would hold a program in on this node", "detail-uncontained"),
];
/// What stands before and behind a value, the key, and what the value is.
const FILLED: [(&str, &str, &str, &str); 8] = [
    ("stopped after ", " s", "detail-wall-time", "seconds"),
    ("it printed more than ", "", "detail-output-cap", "size"),
    // As agents of before have it.
    ("the output passed ", "", "detail-output-cap", "size"),
    ("it used more than ", " of memory", "detail-memory", "size"),
    ("it used more than ", " s of processor time", "detail-cpu-time", "seconds"),
    ("it wanted more than ", " processes and threads", "detail-processes", "count"),
    ("it wrote a file of more than ", "", "detail-file-size", "size"),
    ("ended by signal ", "", "detail-signal", "signal"),
];

/// See the module's head.
pub(super) fn detail(t: &PageContext, said: &str) -> String {
    if let Some(what) = said.strip_prefix("compiling: ") {
        return t.arg("detail-compiling", "what", detail(t, what));
    }
    if let Some((_, key)) = FIXED.iter().find(|(sentence, _)| *sentence == said) {
        return t.text(key);
    }
    let found = FILLED.iter().find_map(|(before, behind, key, name)| {
        let value = said.strip_prefix(before)?.strip_suffix(behind)?;
        Some(match *name {
            "size" => t.arg(key, name, t.size(bytes(value)?)),
            "signal" => t.arg(key, name, value.to_owned()),
            _ => t.arg(key, name, value.parse::<f64>().ok()?),
        })
    });
    found.unwrap_or_else(|| said.to_owned())
}

/// Reads a size as a node writes it: `64 MiB`.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    let factor = match unit {
        "bytes" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_has_its_words_in_both_languages() {
        let catalog = portal::Catalog::new(super::super::catalogs()).unwrap();
        let keys = FIXED.iter().map(|(_, key)| *key).chain(FILLED.iter().map(|(_, _, key, _)| *key));
        for key in keys.chain(["detail-compiling"]) {
            for locale in portal::Locale::ALL {
                assert!(catalog.find(locale, key, &[]).is_some(), "{key} in {locale}");
            }
        }
    }

    #[test]
    fn sizes_are_read_as_nodes_write_them() {
        assert_eq!(["1000 bytes", "3 KiB", "64 MiB"].map(bytes), [Some(1000), Some(3072), Some(64 << 20)]);
        assert_eq!(["", "MiB", "9 light years"].map(bytes), [None; 3]);
    }
}
