//! Writing answers, and checking the XML that clients send.

use std::fmt::Display;

use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;

/// An answer being written: `<response>` with its `<returncode>`.
pub(crate) struct Xml(String);

impl Xml {
    pub fn success() -> Self {
        Self("<response><returncode>SUCCESS</returncode>".to_owned())
    }

    pub fn failed() -> Self {
        Self("<response><returncode>FAILED</returncode>".to_owned())
    }

    /// An element with a text; what XML cannot hold of it is left out.
    pub fn text(&mut self, name: &str, value: impl Display) -> &mut Self {
        let mut value = value.to_string();
        value.retain(|character| !character.is_control() || matches!(character, '\t' | '\n' | '\r'));
        self.0.push_str(&format!("<{name}>{}</{name}>", escape(&*value)));
        self
    }

    /// An element whose children `fill` writes.
    pub fn element(&mut self, name: &str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.0.push_str(&format!("<{name}>"));
        fill(self);
        self.0.push_str(&format!("</{name}>"));
        self
    }

    pub fn message(&mut self, key: &str, message: &str) -> &mut Self {
        self.text("messageKey", key).text("message", message)
    }

    /// The other form of a refusal, which some checks of BigBlueButton still have.
    pub fn errors(&mut self, errors: &[(&str, &str)]) -> &mut Self {
        self.element("errors", |xml| {
            for (key, message) in errors {
                xml.0.push_str(&format!("<error key=\"{}\" message=\"{}\"/>", escape(*key), escape(*message)));
            }
        })
    }

    /// Elements named by a client; a name that XML cannot hold is left out.
    pub fn metadata<'a>(&mut self, metadata: impl IntoIterator<Item = (&'a str, &'a str)>) -> &mut Self {
        self.element("metadata", |xml| {
            for (name, value) in metadata {
                let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
                if is_name {
                    xml.text(name, value);
                }
            }
        })
    }

    pub fn finish(&mut self) -> Vec<u8> {
        let mut text = std::mem::take(&mut self.0);
        text.push_str("</response>");
        text.into_bytes()
    }
}

/// Whether `body` is one XML document of the kind that carries slides: its root is `modules`, each element closed.
pub(crate) fn is_modules(body: &[u8]) -> bool {
    let mut reader = Reader::from_reader(body);
    let (mut depth, mut is_modules) = (0_u32, false);
    loop {
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                is_modules |= depth == 0 && tag.name().as_ref() == b"modules";
                depth += 1;
            }
            Ok(Event::Empty(tag)) => is_modules |= depth == 0 && tag.name().as_ref() == b"modules",
            Ok(Event::End(_)) => depth -= 1,
            Ok(Event::Eof) => return is_modules && depth == 0,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_names_checked() {
        let mut xml = Xml::success();
        xml.text("fullName", "A & B <\u{8}c>").metadata([("ok-1", "x"), ("no <good", "y")]);
        let text = String::from_utf8(xml.finish()).unwrap();
        let wanted = "<fullName>A &amp; B &lt;c&gt;</fullName><metadata><ok-1>x</ok-1></metadata></response>";
        assert_eq!(text, format!("<response><returncode>SUCCESS</returncode>{wanted}"));
    }

    #[test]
    fn only_closed_modules_pass() {
        assert!(is_modules(b"<?xml version='1.0'?><modules><module name='presentation'/></modules>"));
        assert!(is_modules(b"<modules/>"));
        for bad in [&b"<modules><module></modules>"[..], b"<modules>", b"<other/>", b"", b"\xff"] {
            assert!(!is_modules(bad), "{bad:?}");
        }
    }
}
