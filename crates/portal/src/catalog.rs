//! Sentences in the reader's language (Fluent). Whole sentences with plural rules; nothing is glued from pieces.
//! A key that a language lacks falls back to English, then to the key itself, which a test makes impossible.

use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::types::{FluentNumber, FluentNumberOptions};
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

pub use crate::catalog::compare::differences;
pub use crate::catalog::size::size_scaled;
use crate::model::locale::Locale;

mod compare;
mod size;

type Bundle = FluentBundle<FluentResource>;

/// A value put into a sentence.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// Words, put in as they are.
    Text(String),
    /// A number, grouped as the language does, and by which the plural is chosen.
    Number(f64),
    /// A number with one digit behind the point at least, also where that is 0.
    Tenths(f64),
}

impl From<&str> for Arg {
    fn from(text: &str) -> Self {
        Arg::Text(text.to_owned())
    }
}

impl From<String> for Arg {
    fn from(text: String) -> Self {
        Arg::Text(text)
    }
}

/// Templates iterate over references.
impl<T: Clone> From<&T> for Arg
where
    Arg: From<T>,
{
    fn from(value: &T) -> Self {
        Arg::from(value.clone())
    }
}

impl From<f64> for Arg {
    fn from(number: f64) -> Self {
        Arg::Number(number)
    }
}

/// Counts on a page stay far below 2^53, where a float is exact.
macro_rules! arg_from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Arg {
            fn from(number: $integer) -> Self {
                Arg::Number(number as f64)
            }
        }
    )*};
}
arg_from_integer!(i32, u16, u32, i64, u64, usize);

/// A catalog that can't be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The text is not Fluent.
    #[error("reading a {locale} catalog: {detail}")]
    Syntax {
        /// Whose.
        locale: Locale,
        /// What the parser said.
        detail: String,
    },
    /// Two services use one key.
    #[error("a {locale} catalog has a key that another has too: {detail}")]
    Duplicate {
        /// Whose.
        locale: Locale,
        /// Which key.
        detail: String,
    },
}

/// All sentences of all services. A cheap handle.
#[derive(Clone)]
pub struct Catalog(Arc<Bundles>);

struct Bundles {
    en: Bundle,
    fr: Bundle,
}

impl Catalog {
    /// Joins the catalogs of all services.
    pub fn new(sources: impl IntoIterator<Item = (Locale, &'static str)>) -> Result<Self, CatalogError> {
        let mut bundles = Bundles { en: bundle(Locale::En), fr: bundle(Locale::Fr) };
        for (locale, source) in sources {
            let source = match locale {
                Locale::En => source.to_owned(),
                Locale::Fr => unbroken(source),
            };
            let resource = FluentResource::try_new(source)
                .map_err(|(_, errors)| CatalogError::Syntax { locale, detail: format!("{:?}", errors.first()) })?;
            let target = match locale {
                Locale::En => &mut bundles.en,
                Locale::Fr => &mut bundles.fr,
            };
            target
                .add_resource(resource)
                .map_err(|errors| CatalogError::Duplicate { locale, detail: format!("{:?}", errors.first()) })?;
        }
        Ok(Self(Arc::new(bundles)))
    }

    /// The sentence for `key`.
    pub fn text(&self, locale: Locale, key: &str) -> String {
        self.with(locale, key, &[])
    }

    /// The sentence for `key` with its arguments.
    pub fn with(&self, locale: Locale, key: &str, args: &[(&str, Arg)]) -> String {
        self.find(locale, key, args).or_else(|| self.find(Locale::En, key, args)).unwrap_or_else(|| {
            tracing::warn!("no catalog has the key {key}");
            key.to_owned()
        })
    }

    /// The sentence for `key` in exactly that language.
    pub fn find(&self, locale: Locale, key: &str, args: &[(&str, Arg)]) -> Option<String> {
        let bundle = match locale {
            Locale::En => &self.0.en,
            Locale::Fr => &self.0.fr,
        };
        let pattern = bundle.get_message(key)?.value()?;
        let args: FluentArgs<'_> = args.iter().map(|(name, value)| (*name, fluent(value))).collect();
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
        if !errors.is_empty() {
            tracing::warn!("sentence {key} in {locale}: {errors:?}");
        }
        Some(text)
    }
}

fn bundle(locale: Locale) -> Bundle {
    let formatter: fn(&FluentValue<'_>, &_) -> Option<String> = match locale {
        Locale::En => |value, _| number(value, ',', '.'),
        // Narrow no-break space between groups, comma before decimals.
        Locale::Fr => |value, _| number(value, '\u{202f}', ','),
    };
    let language: LanguageIdentifier = locale.tag().parse().expect("our tags are language tags");
    let mut bundle = Bundle::new_concurrent(vec![language]);
    bundle.set_use_isolating(false); // the marks would land in titles, attributes and copied text
    bundle.set_formatter(Some(formatter));
    bundle
}

fn fluent(value: &Arg) -> FluentValue<'_> {
    match value {
        Arg::Text(text) => FluentValue::from(text.as_str()),
        Arg::Number(number) => FluentValue::Number(FluentNumber::from(*number)),
        Arg::Tenths(number) => {
            let options = FluentNumberOptions { minimum_fraction_digits: Some(1), ..FluentNumberOptions::default() };
            FluentValue::Number(FluentNumber::new(*number, options))
        }
    }
}

/// Numbers as the language writes them; other values are left to Fluent.
fn number(value: &FluentValue<'_>, group: char, decimal: char) -> Option<String> {
    let FluentValue::Number(number) = value else { return None };
    let plain = number.as_string().into_owned();
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(w, f)| (w, Some(f)));
    let mut text = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 {
            text.push(group);
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push(decimal);
        text.push_str(fraction);
    }
    Some(text)
}

/// French with the spaces kept together that stand before `? ! ; : »` and after `«`; catalogs are written with plain ones.
fn unbroken(source: &str) -> String {
    let marks = [(" ?", "\u{202f}?"), (" !", "\u{202f}!"), (" ;", "\u{202f};"), (" :", "\u{a0}:"), (" »", "\u{a0}»")];
    marks.iter().fold(source.replace("« ", "«\u{a0}"), |text, (plain, kept)| text.replace(plain, kept))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let en =
            "jobs = { $count ->\n    [one] One job\n   *[other] { $count } jobs\n }\nonly-english = Hello { $name }\n";
        let fr = "jobs = { $count ->\n    [one] { $count } tâche\n   *[other] { $count } tâches\n }\n";
        Catalog::new([(Locale::En, en), (Locale::Fr, fr)]).unwrap()
    }

    #[test]
    fn plurals_and_groups_follow_the_language() {
        let catalog = catalog();
        assert_eq!(catalog.with(Locale::En, "jobs", &[("count", 1.into())]), "One job");
        assert_eq!(catalog.with(Locale::En, "jobs", &[("count", 1204.into())]), "1,204 jobs");
        assert_eq!(catalog.with(Locale::Fr, "jobs", &[("count", 0.into())]), "0 tâche");
        assert_eq!(catalog.with(Locale::Fr, "jobs", &[("count", 1234567.into())]), "1\u{202f}234\u{202f}567 tâches");
    }

    #[test]
    fn a_missing_sentence_falls_back_to_english_then_to_its_key() {
        assert_eq!(catalog().with(Locale::Fr, "only-english", &[("name", "Ada".into())]), "Hello Ada");
        assert_eq!(catalog().text(Locale::Fr, "nowhere"), "nowhere");
    }

    #[test]
    fn broken_and_double_catalogs_are_refused() {
        assert!(matches!(Catalog::new([(Locale::En, "a = { $")]), Err(CatalogError::Syntax { .. })));
        assert!(matches!(
            Catalog::new([(Locale::En, "a = 1"), (Locale::En, "a = 2")]),
            Err(CatalogError::Duplicate { .. })
        ));
    }
}
