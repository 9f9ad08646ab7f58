//! What a parser says of a value, in words for people: parsers speak of the types of a programming language.

/// A sentence on what was given and what would be right, without a full stop; `name` is the field it stands in, where
/// that is known. What a parser says otherwise is passed on as it is.
pub(super) fn sentence(name: Option<&str>, text: &str) -> String {
    let text = without_place(text);
    let subject = name.unwrap_or("the body");
    if let Some((given, wanted)) = between(text, "invalid type: ").or_else(|| between(text, "invalid value: ")) {
        let wanted = match range(given, wanted) {
            Some(range) => format!("a whole number from {range}"),
            None => wanted_in_words(wanted),
        };
        return format!("{subject} is {}; it must be {wanted}", given_in_words(given));
    }
    if let Some((given, wanted)) = between(text, "unknown variant ") {
        return format!("{subject} is {}; it must be {}", given.replace('`', "\""), wanted.replace('`', ""));
    }
    if let Some((given, wanted)) = between(text, "unknown field ") {
        return format!("{} is not known here; known is {}", given.replace('`', ""), wanted.replace('`', ""));
    }
    if let Some(field) = text.strip_prefix("missing field ") {
        return format!("{} is missing", field.replace('`', ""));
    }
    let wanted = match text {
        "invalid digit found in string" | "cannot parse integer from empty string" => "a whole number that fits here",
        "number too large to fit in target type" | "number too small to fit in target type" => "a number nearer to 0",
        "invalid float literal" | "cannot parse float from empty string" => "a number",
        "provided string was not `true` or `false`" => "true or false",
        _ => return name.map_or_else(|| text.to_owned(), |name| format!("{name}: {text}")),
    };
    format!("{subject} must be {wanted}")
}

/// Without the place in the text, which the field's path tells better. What was given may hold the same words.
fn without_place(text: &str) -> &str {
    let is_place = |place: &str| place.chars().all(|c| c.is_ascii_digit() || " column".contains(c));
    text.rsplit_once(" at line ").filter(|(_, place)| is_place(place)).map_or(text, |(what, _)| what)
}

/// What was given and what was wanted.
fn between<'a>(text: &'a str, before: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(before)?.rsplit_once(", expected ")
}

/// What the type holds that a whole number is too large or too small for.
fn range(given: &str, wanted: &str) -> Option<String> {
    given.strip_prefix("integer ")?;
    Some(match wanted {
        "u8" => format!("0 to {}", u8::MAX),
        "u16" => format!("0 to {}", u16::MAX),
        "u32" => format!("0 to {}", u32::MAX),
        "u64" | "usize" => format!("0 to {}", u64::MAX),
        "i32" => format!("{} to {}", i32::MIN, i32::MAX),
        "i64" | "isize" => format!("{} to {}", i64::MIN, i64::MAX),
        _ => return None,
    })
}

fn given_in_words(given: &str) -> String {
    match given.split_once(' ') {
        _ if given == "null" => "null".to_owned(),
        _ if given == "sequence" => "a list".to_owned(),
        _ if given == "map" => "an object".to_owned(),
        Some(("string", text)) => format!("the text {text}"),
        Some(("integer" | "boolean", value)) => value.trim_matches('`').to_owned(),
        Some(("floating", value)) => value.trim_start_matches("point ").trim_matches('`').to_owned(),
        _ => given.to_owned(),
    }
}

fn wanted_in_words(wanted: &str) -> String {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        wanted if wanted.starts_with("struct ") => "an object".to_owned(),
        wanted => wanted.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::DeserializeOwned;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        Program,
        Experiment,
    }

    fn told<T: DeserializeOwned + std::fmt::Debug>(json: &str) -> String {
        sentence(Some("x"), &serde_json::from_str::<T>(json).unwrap_err().to_string())
    }

    #[test]
    fn what_a_parser_says_becomes_plain_words() {
        assert_eq!(told::<u32>(r#""3""#), "x is the text \"3\"; it must be a whole number that is not negative");
        assert_eq!(told::<u32>("-1"), "x is -1; it must be a whole number from 0 to 4294967295");
        assert_eq!(told::<u8>("256"), "x is 256; it must be a whole number from 0 to 255");
        assert_eq!(
            told::<u32>(r#""5 at line 3, expected x""#),
            "x is the text \"5 at line 3, expected x\"; it must be a whole number that is not negative"
        );
        assert_eq!(told::<i64>("1.5"), "x is 1.5; it must be a whole number");
        assert_eq!(told::<String>("[]"), "x is a list; it must be a text");
        assert_eq!(told::<Vec<u8>>("{}"), "x is an object; it must be a list");
        assert_eq!(told::<bool>("null"), "x is null; it must be true or false");
        assert_eq!(told::<Kind>(r#""job""#), "x is \"job\"; it must be program or experiment");
        let kinds: Vec<Kind> = serde_json::from_str(r#"["program", "experiment"]"#).unwrap();
        assert!(matches!(kinds[..], [Kind::Program, Kind::Experiment]));
    }

    #[test]
    fn so_does_what_is_said_of_a_query() {
        let told = |query: &str| {
            let error = serde_urlencoded::from_str::<Vec<(String, u32)>>(query).unwrap_err();
            sentence(Some("limit"), &error.to_string())
        };
        assert_eq!(told("limit=many"), "limit must be a whole number that fits here");
        assert_eq!(told("limit=-1"), "limit must be a whole number that fits here");
        assert_eq!(told("limit=99999999999"), "limit must be a number nearer to 0");
    }
}
