//! Words as one would type them to a shell.

/// Quotes around what a shell would not take as it is. Control characters, which a terminal would act on, are written
/// out (`$'\x1b'`).
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+=%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if !word.chars().any(char::is_control) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let written = word.chars().map(|c| match c {
        '\'' => r"\'".to_owned(),
        '\\' => r"\\".to_owned(),
        '\n' => r"\n".to_owned(),
        '\t' => r"\t".to_owned(),
        c if c.is_control() && c.is_ascii() => format!("\\x{:02x}", u32::from(c)),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("$'{}'", written.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_as_a_shell_reads_them() {
        for (word, expected) in [
            ("plain-1.2/x:@+=%,", "plain-1.2/x:@+=%,"),
            ("", "''"),
            ("two words", "'two words'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("a\n\u{1b}[31m'\\", r"$'a\n\x1b[31m\'\\'"),
            ("\u{9b}1m", r"$'\u009b1m'"),
            ("héllo", "'héllo'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}
