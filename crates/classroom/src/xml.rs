//! BigBlueButton's XML: read as a stream, bounded, and without document types, so that no answer can make us expand
//! entities or fetch anything.

mod sieve;

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_predefined_entity};
use quick_xml::events::Event;

pub(crate) use sieve::Sieve;

/// Elements inside one another, at most.
const DEPTH_MOST: usize = 64;

/// Why something is no XML of BigBlueButton.
#[derive(Debug, thiserror::Error)]
pub(crate) enum XmlError {
    /// It is not well-formed.
    #[error("it is not well-formed XML")]
    Form(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It declares a document type, which is where entities and other files come in.
    #[error("it declares a document type, which is not taken")]
    DocumentType,
    /// It names an entity that XML does not define.
    #[error("it has an entity that XML does not define")]
    Entity,
    /// Elements are nested too deep.
    #[error("its elements are nested deeper than {DEPTH_MOST}")]
    Depth,
    /// It ends before it is whole, or has no element.
    #[error("it is cut off, or empty")]
    CutOff,
}

impl From<quick_xml::Error> for XmlError {
    fn from(error: quick_xml::Error) -> Self {
        Self::Form(error.into())
    }
}

/// What the walk meets.
pub(crate) enum Met<'a> {
    /// An element begins.
    Start,
    /// An element ends: its own text, and the bytes it stands in, its tags among them.
    End { text: &'a str, span: Range<usize> },
}

/// The elements that are open, in buffers that are used again for the next ones: an answer may have 100,000.
#[derive(Default)]
struct Open {
    /// Their names, with slashes between them.
    path: String,
    /// The texts of all of them.
    texts: String,
    /// Of each: where its name and its text begin in these, and where its bytes begin.
    starts: Vec<(usize, usize, usize)>,
}

impl Open {
    fn push(&mut self, name: &[u8], begin: usize) {
        self.starts.push((self.path.len(), self.texts.len(), begin));
        if !self.path.is_empty() {
            self.path.push('/');
        }
        self.path.push_str(&String::from_utf8_lossy(name));
    }

    /// Where the innermost begins: its text, and its bytes.
    fn last(&self) -> Option<(&str, usize)> {
        self.starts.last().map(|(_, text, begin)| (&self.texts[*text..], *begin))
    }

    fn pop(&mut self) {
        if let Some((path, text, _)) = self.starts.pop() {
            self.path.truncate(path);
            self.texts.truncate(text);
        }
    }
}

/// Walks `xml` and tells `meet` of every element, with the path of names that leads to it: `response/meetings/meeting`. It is
/// read once, and nothing but the elements that are open is kept.
///
/// # Errors
/// See [`XmlError`].
pub(crate) fn walk(xml: &[u8], mut meet: impl FnMut(&str, Met<'_>)) -> Result<(), XmlError> {
    let mut reader = Reader::from_reader(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut open = Open::default();
    let mut is_done = false;
    loop {
        let begin = reader.buffer_position() as usize;
        match reader.read_event()? {
            Event::Start(start) => {
                if is_done || open.starts.len() == DEPTH_MOST {
                    return Err(if is_done { XmlError::CutOff } else { XmlError::Depth });
                }
                open.push(start.name().as_ref(), begin);
                meet(&open.path, Met::Start);
            }
            Event::End(_) => {
                let Some((text, begin)) = open.last() else { return Err(XmlError::CutOff) };
                meet(&open.path, Met::End { text: text.trim(), span: begin..reader.buffer_position() as usize });
                open.pop();
                is_done = open.starts.is_empty();
            }
            Event::Text(text) => open.texts.push_str(&text.decode().map_err(|error| XmlError::Form(error.into()))?),
            Event::CData(text) => open.texts.push_str(&text.decode().map_err(|error| XmlError::Form(error.into()))?),
            Event::GeneralRef(entity) => {
                if let Some(c) = entity.resolve_char_ref()? {
                    open.texts.push(c);
                } else {
                    let name = entity.decode().map_err(|error| XmlError::Form(error.into()))?;
                    open.texts.push_str(resolve_predefined_entity(&name).ok_or(XmlError::Entity)?);
                }
            }
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Eof => return if is_done { Ok(()) } else { Err(XmlError::CutOff) },
            Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

/// The attributes of the element that `xml` begins with; those that can't be read are left out.
pub(crate) fn attributes(xml: &[u8]) -> Vec<(String, String)> {
    let mut reader = Reader::from_reader(xml);
    let Ok(Event::Start(start) | Event::Empty(start)) = reader.read_event() else { return Vec::new() };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let attributes = start.attributes().filter_map(Result::ok);
    let read = attributes.map(|own| {
        let value = text(&own.value);
        (text(own.key.as_ref()), quick_xml::escape::unescape(&value).map(Cow::into_owned).unwrap_or(value.clone()))
    });
    read.collect()
}

/// What an answer says of the call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) is_success: bool,
    pub(crate) message_key: String,
    pub(crate) message: String,
}

/// Reads the outcome of an answer.
///
/// # Errors
/// It is no answer of a conference server.
pub(crate) fn outcome(xml: &[u8]) -> Result<Outcome, XmlError> {
    let mut outcome = None;
    walk(xml, |path, met| {
        let Met::End { text, .. } = met else { return };
        let Some(name) = path.strip_prefix("response/") else { return };
        let known: &mut Outcome = outcome.get_or_insert_default();
        match name {
            "returncode" => known.is_success = text == "SUCCESS",
            "messageKey" => known.message_key = text.to_owned(),
            "message" => known.message = text.to_owned(),
            _ => {}
        }
    })?;
    outcome.ok_or(XmlError::CutOff)
}

/// An answer that is built element by element.
#[derive(Debug)]
pub(crate) struct Element {
    text: String,
}

impl Element {
    /// An answer to a call that was done: `<response><returncode>SUCCESS</returncode>`.
    pub(crate) fn success() -> Self {
        Self { text: "<response><returncode>SUCCESS</returncode>".to_owned() }
    }

    /// An answer to a call that was not.
    pub(crate) fn failure() -> Self {
        Self { text: "<response><returncode>FAILED</returncode>".to_owned() }
    }

    /// Adds `<name>text</name>`.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, text: &str) -> Self {
        self.push(name, text);
        self
    }

    /// [`Element::with`] in place. What XML can't hold (control characters) is left out.
    pub(crate) fn push(&mut self, name: &str, text: &str) {
        self.push_raw(name, &escape(holdable(text)));
    }

    /// Adds `<name>xml</name>`, of XML that is whole.
    pub(crate) fn push_raw(&mut self, name: &str, xml: &str) {
        self.text.push_str(&format!("<{name}>{xml}</{name}>"));
    }

    /// Adds `<name a="…">text</name>`.
    pub(crate) fn push_attributed(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        let attribute = |(name, value): &(&str, &str)| format!(" {name}=\"{}\"", escape(holdable(value)));
        let attributes: String = attributes.iter().map(attribute).collect();
        self.text.push_str(&format!("<{name}{attributes}>{}</{name}>", escape(holdable(text))));
    }

    /// An element with children, which `fill` adds.
    pub(crate) fn push_with(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.text.push_str(&format!("<{name}>"));
        fill(self);
        self.text.push_str(&format!("</{name}>"));
    }

    /// The whole answer.
    pub(crate) fn end(mut self) -> String {
        self.text.push_str("</response>");
        self.text
    }
}

/// A text without what XML can't hold.
fn holdable(text: &str) -> Cow<'_, str> {
    let is_refused = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if text.contains(is_refused) { text.replace(is_refused, "").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read() {
        let xml =
            b"<?xml version=\"1.0\"?><response><returncode>FAILED</returncode><messageKey>idNotUnique</messageKey>\
            <message>A &amp; <![CDATA[<b>]]>&#33;</message><x><message>no</message></x></response>";
        let outcome = outcome(xml).unwrap();
        assert_eq!((outcome.is_success, outcome.message_key.as_str()), (false, "idNotUnique"));
        assert_eq!(outcome.message, "A & <b>!");
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        let bomb = b"<!DOCTYPE r [<!ENTITY a \"aaaa\">]><response><returncode>&a;</returncode></response>";
        assert!(matches!(outcome(bomb), Err(XmlError::DocumentType)));
        assert!(matches!(outcome(b"<response>&a;</response>"), Err(XmlError::Entity)));
        assert!(matches!(outcome("<a>".repeat(100).as_bytes()), Err(XmlError::Depth)));
        for text in ["", "hello", "<response>", "<response><returncode>SUCCESS</response>", "{\"a\":1}", "<a/><b/>"] {
            assert!(outcome(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_are_the_bytes_of_an_element() {
        let xml = b"<r>\n <m a=\"1\"><i>x</i></m><e/></r>";
        let mut spans = Vec::new();
        walk(xml, |path, met| {
            if let Met::End { span, .. } = met
                && path.matches('/').count() == 1
            {
                spans.push(String::from_utf8_lossy(&xml[span]).into_owned());
            }
        })
        .unwrap();
        assert_eq!(spans, ["<m a=\"1\"><i>x</i></m>", "<e/>"]);
    }

    #[test]
    fn attributes_are_read() {
        let read = attributes(b"<image width=\"176\" alt='a &amp; \xc3\xa9'>x</image>");
        assert_eq!(read, [("width".to_owned(), "176".to_owned()), ("alt".to_owned(), "a & \u{e9}".to_owned())]);
        assert_eq!(attributes(b"no element"), []);
    }

    #[test]
    fn what_we_write_is_read_again() {
        let xml = Element::success().with("message", "a<b>&\"\u{0}").end();
        assert_eq!(outcome(xml.as_bytes()).unwrap().message, "a<b>&\"");
    }
}
