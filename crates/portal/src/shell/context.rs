//! What a page knows of its reader: who, which language and theme, what the last action has to say.

use axum::extract::{FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;

use crate::catalog::{Arg, Catalog};
use crate::error::Problem;
use crate::http::cookies::{FLASH, LOCALE, THEME, cookie};
use crate::http::observe::RequestId;
use crate::model::caller::Caller;
use crate::model::locale::Locale;
use crate::model::role::Role;
use crate::model::utc_text;
use crate::portal::Portal;

/// Light, dark, or as the system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
    /// As the reader's system says.
    Auto,
}

impl Theme {
    /// The word in the cookie and in `data-theme`.
    pub fn word(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
            Theme::Auto => "auto",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Theme> {
        [Theme::Light, Theme::Dark, Theme::Auto].into_iter().find(|theme| theme.word() == word)
    }
}

/// A message for the next page: a catalog key, and whether it tells of a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flash {
    pub(crate) key: String,
    pub(crate) is_success: bool,
}

impl Flash {
    /// Something was done. `key` is a catalog key without arguments.
    pub fn done(key: &str) -> Self {
        Self { key: key.to_owned(), is_success: true }
    }

    /// Something was not done.
    pub fn failed(key: &str) -> Self {
        Self { key: key.to_owned(), is_success: false }
    }

    pub(crate) fn to_cookie(&self) -> String {
        format!("{}.{}", if self.is_success { "done" } else { "failed" }, self.key)
    }

    fn from_cookie(value: &str) -> Option<Self> {
        let (kind, key) = value.split_once('.')?;
        let is_tame = key.len() <= 64 && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        is_tame.then(|| Self { key: key.to_owned(), is_success: kind == "done" })
    }
}

/// What a page knows of its reader. As an extractor it never refuses; templates use its texts.
#[derive(Clone)]
pub struct PageContext {
    /// Who reads; `None`: nobody has signed in.
    pub caller: Option<Caller>,
    /// The language.
    pub locale: Locale,
    /// The theme.
    pub theme: Theme,
    /// The message of the last action.
    pub flash: Option<Flash>,
    /// The page's path.
    pub path: String,
    /// The page's query, without `?`.
    pub query: String,
    /// The id that errors and logs of this request carry.
    pub request_id: String,
    /// When the request came, epoch ms.
    pub now_ms: i64,
    /// The address the reader used, `https://lab.example.org`, for commands to paste.
    pub base_url: String,
    catalog: Catalog,
    sprite: String,
}

impl PageContext {
    pub(crate) fn of(portal: &Portal, request: &Request, caller: Option<Caller>) -> Self {
        let headers = request.headers();
        let text = |name| headers.get(name).and_then(|v: &axum::http::HeaderValue| v.to_str().ok());
        let wished = cookie(headers, LOCALE)
            .and_then(|tag| tag.parse().ok())
            .or_else(|| text(header::ACCEPT_LANGUAGE).and_then(Locale::from_accept_language))
            .unwrap_or_default();
        let config = &portal.0.config;
        let scheme = if config.secure_cookies { "https" } else { "http" };
        let host = text(header::HOST).unwrap_or("localhost");
        Self {
            locale: caller.as_ref().map_or(wished, |caller| caller.locale),
            theme: cookie(headers, THEME).and_then(Theme::from_word).unwrap_or(Theme::Auto),
            flash: cookie(headers, FLASH).and_then(Flash::from_cookie),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            request_id: request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
            now_ms: portal.now_ms(),
            base_url: config.public_url.clone().unwrap_or_else(|| format!("{scheme}://{host}")),
            catalog: portal.catalog().clone(),
            sprite: portal.asset("icons.svg"),
            caller,
        }
    }

    /// The sentences of all services.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The sentence for `key`.
    pub fn text(&self, key: &str) -> String {
        self.catalog.text(self.locale, key)
    }

    /// The sentence for `key` with its arguments.
    pub fn with(&self, key: &str, args: &[(&str, Arg)]) -> String {
        self.catalog.with(self.locale, key, args)
    }

    /// The sentence for `key` with one argument; short for templates.
    pub fn arg(&self, key: &str, name: &str, value: impl Into<Arg>) -> String {
        self.with(key, &[(name, value.into())])
    }

    /// A number of bytes in the unit that suits it: [`Catalog::size`].
    pub fn size(&self, bytes: u64) -> String {
        self.catalog.size(self.locale, bytes)
    }

    /// The sentence for `KIND-WORD`: a role, a state, a language.
    pub fn word(&self, kind: &str, word: &str) -> String {
        self.text(&format!("{kind}-{word}"))
    }

    /// An icon of the sprite as HTML. It says nothing to a screen reader; a word stands beside it.
    pub fn icon(&self, name: &str) -> String {
        let sprite = &self.sprite;
        format!(
            "<svg class=\"icon\" aria-hidden=\"true\" focusable=\"false\"><use href=\"{sprite}#bi-{name}\"></use></svg>"
        )
    }

    /// The token that forms carry in the field `csrf_token`; empty when nobody has signed in.
    pub fn csrf(&self) -> &str {
        self.caller.as_ref().and_then(|caller| caller.csrf.as_deref()).unwrap_or_default()
    }

    /// Whether the reader has `role`.
    pub fn has(&self, role: Role) -> bool {
        self.caller.as_ref().is_some_and(|caller| caller.has(role))
    }

    /// Path and query of this page.
    pub fn here(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// A time as HTML: how long ago in words, the exact UTC time on hover; the page's script keeps the words right.
    pub fn time(&self, at_ms: i64) -> String {
        let utc = utc_text(at_ms);
        let exact = utc.replace('T', " ").replace('Z', " UTC");
        format!("<time datetime=\"{utc}\" title=\"{exact}\">{}</time>", self.ago(at_ms))
    }

    /// [`PageContext::time`], or a dash.
    pub fn time_or_dash(&self, at_ms: &Option<i64>) -> String {
        at_ms.map_or_else(|| String::from("–"), |at| self.time(at))
    }

    /// How long before this request, in words.
    fn ago(&self, at_ms: i64) -> String {
        let seconds = (self.now_ms - at_ms) / 1000;
        if seconds < 0 {
            return self.arg("time-in-days", "count", (-seconds).div_euclid(86_400).max(1));
        }
        let (key, count) = match seconds {
            0..10 => return self.text("time-now"),
            10..60 => ("time-seconds-ago", seconds),
            60..3_600 => ("time-minutes-ago", seconds / 60),
            3_600..86_400 => ("time-hours-ago", seconds / 3_600),
            86_400..2_592_000 => ("time-days-ago", seconds / 86_400),
            2_592_000..31_536_000 => ("time-months-ago", seconds / 2_592_000),
            _ => ("time-years-ago", seconds / 31_536_000),
        };
        self.arg(key, "count", count)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let missing = || Problem::bug("the router lacks Portal::layer");
        parts.extensions.get::<PageContext>().cloned().ok_or_else(missing)
    }
}
