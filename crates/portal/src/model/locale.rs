//! The languages pages come in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A language with a complete catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Locale {
    /// English, which also stands in where another catalog lacks a sentence.
    #[default]
    En,
    /// French.
    Fr,
}

impl Locale {
    /// Every language.
    pub const ALL: [Locale; 2] = [Locale::En, Locale::Fr];

    /// The tag for `lang=` and for rows.
    pub fn tag(self) -> &'static str {
        match self {
            Locale::En => "en",
            Locale::Fr => "fr",
        }
    }

    /// The reader's wish among our languages. `header` is an `Accept-Language` value; the highest weight wins, the
    /// first of equals; `None` when it names none of ours. Source: RFC 9110 §12.5.4.
    pub fn from_accept_language(header: &str) -> Option<Locale> {
        let mut best: Option<(Locale, f32)> = None;
        for wish in header.split(',').take(32) {
            let mut parts = wish.split(';').map(str::trim);
            let primary = parts.next().unwrap_or_default().split('-').next().unwrap_or_default();
            let Ok(locale) = primary.to_ascii_lowercase().parse::<Locale>() else { continue };
            let weight = parts.find_map(|p| p.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
            if weight > 0.0 && best.is_none_or(|(_, b)| weight > b) {
                best = Some((locale, weight));
            }
        }
        best.map(|(locale, _)| locale)
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A tag of a language we have no catalog for.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a language of these pages")]
pub struct UnknownLocale(String);

impl FromStr for Locale {
    type Err = UnknownLocale;

    fn from_str(tag: &str) -> Result<Self, UnknownLocale> {
        Locale::ALL.into_iter().find(|l| l.tag() == tag).ok_or_else(|| UnknownLocale(tag.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_wish_wins() {
        assert_eq!(Locale::from_accept_language("de, fr-CH;q=0.8, en;q=0.7"), Some(Locale::Fr));
        assert_eq!(Locale::from_accept_language("en-GB,fr"), Some(Locale::En));
        assert_eq!(Locale::from_accept_language("fr;q=0, en;q=0.1"), Some(Locale::En));
        assert_eq!(Locale::from_accept_language("zh"), None);
    }
}
