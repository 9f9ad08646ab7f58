//! All of the portal's SQL, by noun.

pub(crate) mod account;
pub(crate) mod client;
pub(crate) mod idempotency;
pub(crate) mod journal;
pub(crate) mod session;
pub(crate) mod tenant;
pub(crate) mod token;

/// A `LIKE` pattern that finds `text` anywhere; wants `ESCAPE '!'`.
pub(crate) fn like_anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.chars().filter(|c| *c != '\0') {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.extend(letter.to_lowercase());
    }
    pattern.push('%');
    pattern
}
