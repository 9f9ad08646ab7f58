//! `metadata.xml`, by which BigBlueButton describes a published recording: one in each format's folder.

use std::collections::BTreeMap;

use super::recording::{Format, Playback, Preview, RecordingId, is_name, path_of};
use crate::xml::{Met, XmlError, attributes, walk};

/// Characters of a name or a value, at most.
const TEXT_CHARS_MAX: usize = 2_000;
/// Entries of metadata, and pictures, at most.
const ENTRIES_MAX: usize = 200;

/// What a recording's `metadata.xml` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) id: RecordingId,
    pub(crate) is_published: bool,
    pub(crate) started_ms: i64,
    pub(crate) ended_ms: i64,
    pub(crate) participants: i64,
    pub(crate) raw_bytes: i64,
    /// What clients called the meeting.
    pub(crate) meeting_id: String,
    pub(crate) internal_id: String,
    pub(crate) name: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) playback: Playback,
}

/// Why a file describes no recording.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DescriptionError {
    #[error("{0}")]
    Xml(#[from] XmlError),
    #[error("it has no id, or one that is none")]
    Id,
    #[error("it names no meeting")]
    Meeting,
    #[error("it names no way to watch the recording")]
    Playback,
}

/// What is met on the way.
#[derive(Default)]
struct Found {
    texts: BTreeMap<String, String>,
    metadata: BTreeMap<String, String>,
    meeting: BTreeMap<String, String>,
    previews: Vec<Preview>,
}

impl Found {
    fn text(&self, name: &str) -> &str {
        self.texts.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str) -> i64 {
        self.text(name).parse().ok().filter(|number| *number >= 0).unwrap_or_default()
    }

    fn meet(&mut self, xml: &[u8], path: &str, met: Met<'_>) {
        let Met::End { text, span } = met else { return };
        let short = || text.chars().filter(|c| *c != '\0').take(TEXT_CHARS_MAX).collect::<String>();
        match path.split('/').collect::<Vec<_>>().as_slice() {
            ["recording", "meeting"] => self.meeting.extend(attributes(&xml[span])),
            ["recording", "meta", name] if is_name(name) && self.metadata.len() < ENTRIES_MAX => {
                self.metadata.insert((*name).to_owned(), short());
            }
            ["recording", "playback", .., "images", "image"] if self.previews.len() < ENTRIES_MAX => {
                let of: BTreeMap<_, _> = attributes(&xml[span]).into_iter().collect();
                let number = |name: &str| of.get(name).and_then(|text| text.parse().ok()).unwrap_or_default();
                let alt = of.get("alt").map(|alt| alt.chars().take(TEXT_CHARS_MAX).collect()).unwrap_or_default();
                let (width, height) = (number("width"), number("height"));
                self.previews.push(Preview { link: path_of(&short()), alt, width, height });
            }
            ["recording", name] => drop(self.texts.insert((*name).to_owned(), short())),
            ["recording", "playback", name] => drop(self.texts.insert(format!("playback/{name}"), short())),
            _ => {}
        }
    }
}

impl Description {
    /// Reads `metadata.xml`.
    ///
    /// # Errors
    /// See [`DescriptionError`].
    pub(crate) fn parse(xml: &[u8]) -> Result<Self, DescriptionError> {
        let mut found = Found::default();
        walk(xml, |path, met| found.meet(xml, path, met))?;
        let id = RecordingId::parse(found.text("id")).ok_or(DescriptionError::Id)?;
        let either = |name: &str, attribute: &str| {
            let meta = found.metadata.get(name).filter(|text| !text.is_empty());
            meta.or_else(|| found.meeting.get(attribute)).cloned().unwrap_or_default()
        };
        let meeting_id: String = either("meetingId", "externalId").chars().take(256).collect();
        if meeting_id.is_empty() {
            return Err(DescriptionError::Meeting);
        }
        let name = Some(either("meetingName", "name")).filter(|name| !name.is_empty());
        let internal_id = found.meeting.get("id").filter(|own| RecordingId::parse(own).is_some());
        let format = Format::parse(found.text("playback/format")).ok_or(DescriptionError::Playback)?;
        let link = found.text("playback/link");
        if link.is_empty() {
            return Err(DescriptionError::Playback);
        }
        let playback = Playback {
            format,
            link: path_of(link),
            minutes: found.number("playback/duration").saturating_add(30_000) / 60_000,
            bytes: found.number("playback/size"),
            processing_ms: found.number("playback/processing_time"),
            previews: std::mem::take(&mut found.previews),
        };
        Ok(Self {
            internal_id: internal_id.cloned().unwrap_or_else(|| id.to_string()),
            is_published: found.text("published").eq_ignore_ascii_case("true"),
            started_ms: found.number("start_time"),
            ended_ms: found.number("end_time"),
            participants: found.number("participants"),
            raw_bytes: found.number("raw_size"),
            name: name.unwrap_or_else(|| meeting_id.clone()),
            meeting_id,
            metadata: found.metadata,
            playback,
            id,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Description, DescriptionError};
    use crate::model::recording::Preview;
    use crate::xml::XmlError;

    /// As BigBlueButton writes it.
    pub(crate) fn metadata_xml(id: &str, format: &str, meta: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?>\n<recording>\n<id>{id}</id><state>published</state><published>true</published>\
             <start_time>1530718721124</start_time><end_time>1530718810456</end_time><participants>3</participants>\
             <meeting id=\"{id}\" externalId=\"course-7\" name=\"Algebra\" breakout=\"false\"/>\
             <meta><meetingId>course-7</meetingId><meetingName>Algebra &amp; co</meetingName>\
             <isBreakout>false</isBreakout>{meta}</meta>\
             <playback><format>{format}</format><link>https://bbb1.example.org/{format}/{id}/index.html</link>\
             <processing_time>7177</processing_time><duration>84386</duration><size>1531235</size>\
             <extensions><preview><images><image width=\"176\" height=\"136\" alt=\"Wel &amp; come\">\
             https://bbb1.example.org/{format}/{id}/thumb-1.png</image></images></preview></extensions></playback>\
             <raw_size>5270358</raw_size></recording>"
        )
    }

    #[test]
    fn a_description_is_read_whole() {
        let read = Description::parse(metadata_xml("ab-1", "video", "<bbb-origin>Moodle</bbb-origin>").as_bytes());
        let read = read.unwrap();
        assert_eq!(
            (read.id.as_str(), read.meeting_id.as_str(), read.name.as_str()),
            ("ab-1", "course-7", "Algebra & co")
        );
        assert_eq!((read.started_ms, read.ended_ms, read.participants), (1_530_718_721_124, 1_530_718_810_456, 3));
        assert!(read.is_published);
        assert_eq!((read.raw_bytes, read.playback.minutes, read.playback.bytes), (5_270_358, 1, 1_531_235));
        assert_eq!(read.playback.link, "/video/ab-1/index.html");
        assert_eq!(read.metadata["bbb-origin"], "Moodle");
        let preview =
            Preview { link: "/video/ab-1/thumb-1.png".into(), alt: "Wel & come".into(), width: 176, height: 136 };
        assert_eq!(read.playback.previews, [preview]);
    }

    #[test]
    fn what_describes_nothing_is_refused() {
        let of = |text: &str| Description::parse(text.as_bytes()).unwrap_err();
        let good = metadata_xml("ab-1", "video", "");
        assert!(matches!(of("hello"), DescriptionError::Xml(_)));
        assert!(matches!(
            of(&good.replace("<recording>", "<!DOCTYPE r [<!ENTITY a 'b'>]><recording>")),
            DescriptionError::Xml(XmlError::DocumentType)
        ));
        assert!(matches!(of(&good.replace("<id>ab-1", "<id>../x")), DescriptionError::Id));
        assert!(matches!(of(&good.replace("course-7", "")), DescriptionError::Meeting));
        assert!(matches!(of(&good.replace("<format>video", "<format>..")), DescriptionError::Playback));
        assert!(matches!(of(&good[..good.len() - 20]), DescriptionError::Xml(_)));
    }
}
