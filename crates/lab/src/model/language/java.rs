//! Which class of a Java file is run. The file decides: the first top-level type with a `main`, in the file's package;
//! where none is to be seen, the class that is named as the file is, and Java says what it thinks of that.

/// The full name of the class to run.
pub(crate) fn class_to_run(path: &str, source: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let words = words(source);
    let class = main_type(&words).unwrap_or(stem);
    let package = words.first().filter(|&&word| word == "package");
    match package.and_then(|_| words.get(1)) {
        Some(package) => format!("{package}.{class}"),
        None => class.to_owned(),
    }
}

/// The first type outside all braces that has "void main (" inside.
fn main_type<'a>(words: &[&'a str]) -> Option<&'a str> {
    let (mut depth, mut current) = (0_usize, None);
    for (at, &word) in words.iter().enumerate() {
        match word {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "class" | "interface" | "enum" | "record" if depth == 0 => current = words.get(at + 1).copied(),
            "main" if depth == 1 && at > 0 && words[at - 1] == "void" && words.get(at + 1) == Some(&"(") => {
                return current;
            }
            _ => {}
        }
    }
    None
}

/// Names (dots inside them stay) and single signs, without comments and texts.
fn words(source: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == '.';
    let (mut words, mut rest) = (Vec::new(), source);
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' || first == '\'' {
            text_length(rest, first)
        } else if is_name(first) {
            let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            words.push(&rest[..length]);
            length
        } else {
            if !first.is_whitespace() {
                words.push(&rest[..first.len_utf8()]);
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    words
}

/// Length of the text or character that `rest` begins with, quotes included.
fn text_length(rest: &str, quote: char) -> usize {
    if let Some(block) = rest.strip_prefix("\"\"\"") {
        return block.find("\"\"\"").map_or(rest.len(), |end| end + 6);
    }
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            // A text that is not closed ends with its line, as the compiler will say.
            _ if c == quote || c == '\n' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
