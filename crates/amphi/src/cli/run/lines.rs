//! Lines of a file, each the words for one element of a batch.

use std::path::Path;

use crate::cli::failure::{Failure, USAGE};

/// A line with words.
pub(super) struct Line {
    /// From 1.
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) words: Vec<String>,
}

/// Reads the words of each line that has some. Errors: the file can't be read, has none, or has a quote without its end.
pub(super) fn read(path: &Path) -> Result<Vec<Line>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(USAGE, format!("the file {shown} can't be read")).why(error.to_string()))?;
    let mut all = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let words = words(line).ok_or_else(|| {
            Failure::new(USAGE, format!("line {number} of {shown} has a quote without its end: {line}"))
                .or_try("write \\' for a quote that belongs to a word")
        })?;
        if !words.is_empty() {
            all.push(Line { number, text: line.trim().to_owned(), words });
        }
    }
    if all.is_empty() { Err(Failure::new(USAGE, format!("{shown} has no line with words"))) } else { Ok(all) }
}

/// Words as a shell reads them: quotes and backslashes, no more. `None`: a quote has no end.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    // The word under way; an empty one stands between two quotes.
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(rest.next()),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_a_shell_does() {
        for (line, expected) in [
            ("", vec![]),
            ("  one\ttwo ", vec!["one", "two"]),
            (r#"'a b' "c 'd" e\ f"#, vec!["a b", "c 'd", "e f"]),
            (r#"x'y z'"w" '' "\"\\""#, vec!["xy zw", "", r#""\"#]),
        ] {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
        assert!(words("it's").is_none() && words("\"x").is_none());
    }
}
