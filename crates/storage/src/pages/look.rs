//! What every template of storage has at hand: the reader's language, icons, sizes.

use askama::Template;
use axum::response::Html;
use portal::{PageContext, Problem};

use crate::Storage;
use crate::file::FilePath;

/// The reader's language, and the addresses of storage's files.
pub(super) struct Look<'a> {
    pub(super) t: &'a PageContext,
    pub(super) css: String,
}

/// How a state looks: an icon, a word and a colour together, so that none of them alone has to be understood.
pub(super) struct Badge {
    pub(super) icon: &'static str,
    pub(super) class: &'static str,
    pub(super) word: String,
    pub(super) reason: Option<String>,
}

impl<'a> Look<'a> {
    pub(super) fn new(storage: &Storage, t: &'a PageContext) -> Self {
        Self { t, css: storage.portal().asset("files.css") }
    }

    /// The sentence for `key`.
    pub(super) fn text(&self, key: &str) -> String {
        self.t.text(key)
    }

    /// [`PageContext::icon`]; short for templates.
    pub(super) fn icon(&self, name: &str) -> String {
        self.t.icon(name)
    }

    /// [`PageContext::size`]; short for templates.
    pub(super) fn size(&self, bytes: u64) -> String {
        self.t.size(bytes)
    }

    /// `used of limit`, or what is used where there is no limit (0).
    pub(super) fn size_of(&self, used: u64, limit: u64) -> String {
        if limit == 0 {
            return self.size(used);
        }
        self.t.with("space-of", &[("used", self.size(used).into()), ("limit", self.size(limit).into())])
    }

    pub(super) fn badge(&self, icon: &'static str, class: &'static str, key: &str) -> Badge {
        Badge { icon, class, word: self.text(key), reason: None }
    }
}

/// Thousandths of a bar that are full, and the class that says how serious that is.
pub(super) fn fill(used: u64, limit: u64) -> (u64, &'static str) {
    let share = (u128::from(used) * 1000 / u128::from(limit.max(1))).min(1000) as u64;
    match share {
        950.. => (share, "fill-bad"),
        800.. => (share, "fill-warn"),
        _ => (share, "fill-used"),
    }
}

/// Percent-encoded for one part of a path or a query's value.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'@' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Empty for the root, else with a slash in front.
pub(crate) fn encoded_path(path: &FilePath) -> String {
    path.parts().iter().map(|part| format!("/{}", encoded(part.as_str()))).collect()
}

/// A template's HTML.
pub(super) fn html(template: &impl Template) -> Result<String, Problem> {
    template.render().map_err(Problem::bug)
}

/// A part of a page.
pub(super) fn fragment(template: &impl Template) -> Result<Html<String>, Problem> {
    html(template).map(Html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_how_serious_it_is() {
        assert_eq!(fill(0, 0), (0, "fill-used"));
        assert_eq!(fill(8, 10), (800, "fill-warn"));
        assert_eq!(fill(u64::MAX, 10), (1000, "fill-bad"));
    }
}
