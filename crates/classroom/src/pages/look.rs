//! What every template of classrooms has at hand: the reader's language, and icons.

use askama::Template;
use portal::{PageContext, Problem};

use crate::Classroom;

/// The reader's language, and where icons are.
pub(super) struct Look<'a> {
    pub(super) t: &'a PageContext,
    sprite: String,
}

/// How a state looks: an icon, a word and a colour together, so that none of them alone has to be understood.
pub(super) struct Badge {
    pub(super) icon: &'static str,
    pub(super) class: &'static str,
    pub(super) word: String,
}

impl<'a> Look<'a> {
    pub(super) fn new(classroom: &Classroom, t: &'a PageContext) -> Self {
        Self { t, sprite: classroom.portal().asset("icons.svg") }
    }

    /// The sentence for `key`.
    pub(super) fn text(&self, key: &str) -> String {
        self.t.text(key)
    }

    /// An icon as HTML. It says nothing to a screen reader; a word stands beside it.
    pub(super) fn icon(&self, name: &str) -> String {
        let sprite = &self.sprite;
        format!(
            "<svg class=\"icon\" aria-hidden=\"true\" focusable=\"false\"><use href=\"{sprite}#bi-{name}\"></use></svg>"
        )
    }

    pub(super) fn badge(&self, icon: &'static str, class: &'static str, key: &str) -> Badge {
        Badge { icon, class, word: self.text(key) }
    }
}

/// A template's HTML.
pub(super) fn html(template: &impl Template) -> Result<String, Problem> {
    template.render().map_err(Problem::bug)
}
