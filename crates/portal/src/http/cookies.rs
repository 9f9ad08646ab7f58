//! The few cookies: session, theme, language, a message for the next page.

use axum::http::{HeaderMap, HeaderValue, header};

/// The session's secret.
pub(crate) const SESSION: &str = "amphi_session";
/// `light`, `dark` or `auto`; read by the page's script too.
pub(crate) const THEME: &str = "amphi_theme";
/// A language's tag.
pub(crate) const LOCALE: &str = "amphi_locale";
/// What the next page has to say.
pub(crate) const FLASH: &str = "amphi_flash";

/// How long a browser keeps a preference, s (a year).
pub(crate) const PREFERENCE_S: i64 = 365 * 24 * 3600;

/// The value of a cookie of the request.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

/// A `Set-Cookie` value. `for_scripts` lets the page's script read it; `max_age_s` 0 removes it. Values are ours: letters,
/// digits and `-_.`.
pub(crate) fn set_cookie(name: &str, value: &str, max_age_s: i64, secure: bool, for_scripts: bool) -> HeaderValue {
    let secure = if secure { "; Secure" } else { "" };
    let http_only = if for_scripts { "" } else { "; HttpOnly" };
    let text = format!("{name}={value}; Path=/; Max-Age={max_age_s}; SameSite=Lax{http_only}{secure}");
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("xamphi_theme=1; amphi_theme=dark;amphi_locale=fr"));
        assert_eq!(cookie(&headers, THEME), Some("dark"));
        assert_eq!(cookie(&headers, LOCALE), Some("fr"));
        assert_eq!(cookie(&headers, SESSION), None);
    }
}
