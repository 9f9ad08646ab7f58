//! What every template of classrooms has at hand: the reader's language, icons, states.

use askama::Template;
use portal::{PageContext, Problem};

/// The reader's language.
pub(super) struct Look<'a> {
    pub(super) t: &'a PageContext,
}

/// How a state looks: an icon, a word and a colour together, so that none of them alone has to be understood.
pub(super) struct Badge {
    pub(super) icon: &'static str,
    pub(super) class: &'static str,
    pub(super) word: String,
}

impl<'a> Look<'a> {
    pub(super) fn new(t: &'a PageContext) -> Self {
        Self { t }
    }

    /// The sentence for `key`.
    pub(super) fn text(&self, key: &str) -> String {
        self.t.text(key)
    }

    /// [`PageContext::icon`]; short for templates.
    pub(super) fn icon(&self, name: &str) -> String {
        self.t.icon(name)
    }

    pub(super) fn badge(&self, icon: &'static str, class: &'static str, key: &str) -> Badge {
        Badge { icon, class, word: self.text(key) }
    }
}

/// A template's HTML.
pub(super) fn html(template: &impl Template) -> Result<String, Problem> {
    template.render().map_err(Problem::bug)
}
