//! Leaves one element out of XML that comes in pieces, so that what nobody reads is never whole in memory.
//!
//! What it passes on is for [`super::walk`], which refuses what is no XML. Of what it leaves out it looks for nothing
//! but the end, over comments and CDATA, in which people may have written anything.

use std::ops::Range;

use bytes::BytesMut;
use memchr::memmem::Finder;

const COMMENT: &[u8] = b"<!--";
const DATA: &[u8] = b"<![CDATA[";

/// Passes XML on without what is in the elements of one name that have no attributes. They must not be in one another.
pub(crate) struct Sieve {
    begin: Finder<'static>,
    end: Finder<'static>,
    special: Finder<'static>,
    is_inside: bool,
    /// The end of the comment, or of the CDATA, that it is in.
    until: Option<&'static [u8]>,
    /// What came last, and may be the beginning of what is looked for.
    tail: Vec<u8>,
}

impl Sieve {
    pub(crate) fn new(name: &str) -> Self {
        let finder = |text: String| Finder::new(text.as_bytes()).into_owned();
        let (begin, end) = (finder(format!("<{name}>")), finder(format!("</{name}>")));
        Self { begin, end, special: Finder::new(b"<!"), is_inside: false, until: None, tail: Vec::new() }
    }

    /// Adds to `kept` what is wanted of the next piece.
    pub(crate) fn pass(&mut self, piece: &[u8], kept: &mut BytesMut) {
        let mut joined = std::mem::take(&mut self.tail);
        let mut rest = piece;
        if !joined.is_empty() {
            joined.extend_from_slice(piece);
            rest = &joined;
        }
        while let Some(wanted) = self.next(rest) {
            let end = wanted.end;
            kept.extend_from_slice(&rest[wanted]);
            rest = &rest[end..];
        }
        let whole = rest.len() - self.begun(rest);
        if !self.is_inside {
            kept.extend_from_slice(&rest[..whole]);
        }
        self.tail = rest[whole..].to_vec();
    }

    /// Looks for the next thing of note: what is kept of the text until behind it, whose end the range has. `None`:
    /// there is none.
    fn next(&mut self, text: &[u8]) -> Option<Range<usize>> {
        let was_inside = self.is_inside;
        let kept = |end: usize| if was_inside { end..end } else { 0..end };
        if let Some(end) = self.until {
            let at = memchr::memmem::find(text, end)?;
            self.until = None;
            return Some(kept(at + end.len()));
        }
        let tag = if was_inside { &self.end } else { &self.begin };
        let at = tag.find(text);
        let length = tag.needle().len();
        if let Some(at) = self.special.find(&text[..at.unwrap_or(text.len())]) {
            let behind = &text[at..];
            let (end, mark): (&'static [u8], _) =
                if behind.starts_with(COMMENT) { (b"-->", COMMENT) } else { (b"]]>", DATA) };
            if behind.starts_with(mark) {
                self.until = Some(end);
                return Some(kept(at + mark.len()));
            }
            let may_become = COMMENT.starts_with(behind) || DATA.starts_with(behind);
            return (!may_become).then(|| kept(at + 2));
        }
        let at = at?;
        self.is_inside = !was_inside;
        // The element's own tags stay.
        Some(if was_inside { at } else { 0 }..at + length)
    }

    /// How many bytes at the end of `text` may be the beginning of what is looked for.
    fn begun(&self, text: &[u8]) -> usize {
        let tag = if self.is_inside { &self.end } else { &self.begin }.needle();
        let wanted = self.until.map_or([COMMENT, DATA, tag], |end| [end; 3]);
        let longest = wanted.iter().map(|wanted| wanted.len()).max().unwrap_or_default();
        let is_begun = |length: &usize| {
            let end = &text[text.len() - length..];
            wanted.iter().any(|wanted| wanted.len() > *length && wanted.starts_with(end))
        };
        (1..longest.min(text.len() + 1)).rev().find(is_begun).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passed(pieces: &[&[u8]]) -> String {
        let (mut sieve, mut kept) = (Sieve::new("a"), BytesMut::new());
        pieces.iter().for_each(|piece| sieve.pass(piece, &mut kept));
        String::from_utf8(kept.to_vec()).unwrap()
    }

    #[test]
    fn only_what_is_in_the_element_is_left_out() {
        for (text, left) in [
            ("<r>1<a>2<b/>3</a>4<a/><a></a></r>", "<r>1<a></a>4<a/><a></a></r>"),
            ("<r><ab>1</ab><!-- <a> -->2<a><!-- </a> -->3</a></r>", "<r><ab>1</ab><!-- <a> -->2<a></a></r>"),
            ("<r><a><n><![CDATA[</a>]]></n>5</a><![CDATA[<a>]]>6</r>", "<r><a></a><![CDATA[<a>]]>6</r>"),
            ("<!DOCTYPE r><r><a>1</a></r>", "<!DOCTYPE r><r><a></a></r>"),
            ("<r><a>never ends", "<r><a>"),
        ] {
            assert_eq!(passed(&[text.as_bytes()]), left);
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_it_is_cut(
            parts in proptest::collection::vec(
                prop_oneof![Just("<a>"), Just("</a>"), Just("<!--"), Just("-->"), Just("<![CDATA["), Just("]]>"), Just("<!"),
                    Just("<"), Just("x"), Just("-"), Just("]")],
                0..40,
            ),
            cuts in proptest::collection::vec(0usize..200, 0..8),
        ) {
            let text = format!("{}y", parts.concat());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % (text.len() + 1)).chain([0, text.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            prop_assert_eq!(passed(&pieces), passed(&[text.as_bytes()]));
        }
    }
}
