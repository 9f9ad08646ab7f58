//! Reads server-sent events (WHATWG HTML, "Server-sent events", §9.2.6 "Interpreting an event stream") from bytes
//! that arrive cut anywhere. Lines are decoded whole, so a character cut in two is put together again.

/// Longest line and longest event, in bytes. One chunk of output is at most 32 KiB, six times that when every byte
/// of it has to be escaped.
const LIMIT_BYTES: usize = 1024 * 1024;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// `message` where the stream names none.
    pub(super) name: String,
    pub(super) data: String,
    /// The last id the stream has given, here or before.
    pub(super) id: Option<String>,
}

/// The stream can't be trusted any further.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum SseError {
    /// A line or an event's data is longer than anything the server sends.
    #[error("an event longer than {LIMIT_BYTES} bytes")]
    TooLong,
}

/// The reader's state between two pieces.
#[derive(Debug, Default)]
pub(super) struct EventReader {
    line: Vec<u8>,
    /// The last byte was CR: an LF right behind it belongs to the same line end.
    after_cr: bool,
    past_first_line: bool,
    name: String,
    data: String,
    has_data: bool,
    id: Option<String>,
}

impl EventReader {
    /// Takes the next piece of the stream and gives the events that it completes.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, SseError> {
        let mut events = Vec::new();
        for &byte in bytes {
            let ends_crlf = self.after_cr && byte == b'\n';
            self.after_cr = byte == b'\r';
            if ends_crlf {
                continue;
            }
            if matches!(byte, b'\r' | b'\n') {
                let line = std::mem::take(&mut self.line);
                events.extend(self.on_line(&String::from_utf8_lossy(&line))?);
            } else if self.line.len() == LIMIT_BYTES {
                return Err(SseError::TooLong);
            } else {
                self.line.push(byte);
            }
        }
        Ok(events)
    }

    fn on_line(&mut self, line: &str) -> Result<Option<Event>, SseError> {
        let line = if self.past_first_line { line } else { line.trim_start_matches('\u{feff}') };
        self.past_first_line = true;
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if self.data.len() + value.len() > LIMIT_BYTES {
                    return Err(SseError::TooLong);
                }
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // A comment (an empty field name), `retry`, and what later versions may add.
            _ => {}
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let data = std::mem::take(&mut self.data);
        if !std::mem::take(&mut self.has_data) {
            return None;
        }
        let name = if name.is_empty() { "message".to_owned() } else { name };
        Some(Event { name, data, id: self.id.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str, id: Option<&str>) -> Event {
        Event { name: name.to_owned(), data: data.to_owned(), id: id.map(str::to_owned) }
    }

    #[test]
    fn a_stream_cut_at_every_byte_gives_the_same_events() {
        let stream = "\u{feff}: hello\r\nevent: output\r\nid: 1.0\r\ndata: né\u{1f600}\r\n\r\n\
                      event:output\nid:1.1\ndata:a\ndata: b\n\ndata: c\rdata\r\r: comment\n\nretry: 5\n\n";
        let expected = vec![
            event("output", "né\u{1f600}", Some("1.0")),
            event("output", "a\nb", Some("1.1")),
            event("message", "c\n", Some("1.1")),
        ];
        assert_eq!(EventReader::default().feed(stream.as_bytes()).unwrap(), expected);
        for cut in 0..stream.len() {
            let mut reader = EventReader::default();
            let mut events = reader.feed(&stream.as_bytes()[..cut]).unwrap();
            events.extend(reader.feed(&stream.as_bytes()[cut..]).unwrap());
            assert_eq!(events, expected, "cut at {cut}");
        }
        let mut reader = EventReader::default();
        let single: Vec<Event> = stream.bytes().flat_map(|b| reader.feed(&[b]).unwrap()).collect();
        assert_eq!(single, expected);
    }

    #[test]
    fn an_event_without_data_is_none_but_its_id_counts() {
        let mut reader = EventReader::default();
        assert_eq!(reader.feed(b"event: state\nid: 7\n\ndata: x\n\n").unwrap(), [event("message", "x", Some("7"))]);
        assert_eq!(reader.feed(b"id: a\0b\ndata: y\n\n").unwrap(), [event("message", "y", Some("7"))]);
    }

    #[test]
    fn an_event_cut_off_by_the_end_is_never_given() {
        let mut reader = EventReader::default();
        assert_eq!(reader.feed(b"data: half\n").unwrap(), []);
    }

    #[test]
    fn a_line_or_an_event_without_end_is_refused() {
        let mut reader = EventReader::default();
        assert_eq!(reader.feed(&vec![b'x'; LIMIT_BYTES]).unwrap(), []);
        assert_eq!(reader.feed(b"x"), Err(SseError::TooLong));

        let mut reader = EventReader::default();
        let line = format!("data: {}\n", "y".repeat(LIMIT_BYTES / 2));
        assert_eq!(reader.feed(line.as_bytes()).unwrap(), []);
        assert_eq!(reader.feed(line.as_bytes()).unwrap(), []);
        assert_eq!(reader.feed(line.as_bytes()), Err(SseError::TooLong));
    }
}
