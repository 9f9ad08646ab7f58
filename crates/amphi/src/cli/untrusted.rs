//! Makes a tool's output safe to show on a terminal: newline, tab, carriage return and colours (SGR) pass, every
//! other control character and sequence is dropped. Output could otherwise set the title, read back the screen or
//! hide what stands above. Works on pieces cut anywhere.

/// Longest colour sequence that is kept, in characters.
const SGR_LONGEST: usize = 64;

#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    Escape,
    /// `ESC [` and its parameters so far.
    Control(String),
    /// Operating-system command or another string, up to BEL or ST.
    Command,
    /// An escape inside such a string: ST when a backslash follows.
    CommandEscape,
}

/// One stream's filter.
#[derive(Debug, Default)]
pub(super) struct Filter {
    state: State,
    /// The beginning of a character that the last piece was cut in.
    partial: Vec<u8>,
}

impl Filter {
    fn pass(&mut self, piece: &str) -> String {
        let mut shown = String::with_capacity(piece.len());
        for c in piece.chars() {
            self.state = step(std::mem::take(&mut self.state), c, &mut shown);
        }
        shown
    }

    /// What may be shown of the next piece. What is no UTF-8 shows as U+FFFD.
    pub(super) fn pass_bytes(&mut self, piece: &[u8]) -> String {
        let mut bytes = std::mem::take(&mut self.partial);
        bytes.extend_from_slice(piece);
        let keep = unfinished(&bytes);
        self.partial = bytes.split_off(bytes.len() - keep);
        self.pass(&String::from_utf8_lossy(&bytes))
    }
}

/// Length of a character that has only begun at the end of `bytes`, in bytes.
fn unfinished(bytes: &[u8]) -> usize {
    for (index, byte) in bytes.iter().rev().take(3).enumerate() {
        let needed = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0.. => 4,
            0x00..=0x7f => 1,
        };
        return if needed > index + 1 { index + 1 } else { 0 };
    }
    0
}

fn step(state: State, c: char, shown: &mut String) -> State {
    match (state, c) {
        // CAN and SUB end whatever is under way (ECMA-48).
        (_, '\u{18}' | '\u{1a}') => State::Text,
        (State::Command, '\u{1b}') => State::CommandEscape,
        (State::Command, '\u{7}' | '\u{9c}') | (State::CommandEscape, '\\') => State::Text,
        // A terminal would swallow all that follows; showing it as text is as safe and loses nothing.
        (State::Command | State::CommandEscape, '\n') => {
            shown.push('\n');
            State::Text
        }
        (State::Command | State::CommandEscape, _) => State::Command,
        (_, '\u{1b}') => State::Escape,
        (State::Escape, '[') | (State::Text, '\u{9b}') => State::Control(String::new()),
        (State::Escape, ']' | 'P' | 'X' | '^' | '_')
        | (State::Text, '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}') => State::Command,
        // Intermediate bytes of a two-character escape, such as a character-set switch.
        (State::Escape, ' '..='/') => State::Escape,
        (State::Escape, _) => State::Text,
        (State::Control(mut parameters), ' '..='?') => {
            if parameters.len() <= SGR_LONGEST {
                parameters.push(c);
            }
            State::Control(parameters)
        }
        (State::Control(parameters), 'm') if is_sgr(&parameters) => {
            shown.push_str("\u{1b}[");
            shown.push_str(&parameters);
            shown.push('m');
            State::Text
        }
        (State::Control(_), _) => State::Text,
        (State::Text, '\n' | '\t' | '\r') => {
            shown.push(c);
            State::Text
        }
        (State::Text, c) => {
            if !c.is_control() {
                shown.push(c);
            }
            State::Text
        }
    }
}

fn is_sgr(parameters: &str) -> bool {
    parameters.len() <= SGR_LONGEST && parameters.chars().all(|c| matches!(c, '0'..='9' | ';' | ':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pass(text: &str) -> String {
        Filter::default().pass(text)
    }

    #[test]
    fn text_and_colours_pass() {
        let text = "64 bytes\tné\r\n\u{1b}[1;31mred\u{1b}[0m \u{1b}[38:2::1:2:3mx\u{1b}[m";
        assert_eq!(pass(text), text);
    }

    #[test]
    fn everything_that_steers_the_terminal_is_dropped() {
        for (text, shown) in [
            ("a\u{1b}[2Jb", "ab"),
            ("a\u{1b}[?1049hb", "ab"),
            ("a\u{1b}[>4;2mb", "ab"),
            ("a\u{1b}]0;title\u{7}b", "ab"),
            ("a\u{1b}]52;c;ZWNobw==\u{1b}\\b", "ab"),
            ("a\u{1b}P$q\"p\u{1b}\\b", "ab"),
            ("a\u{9b}2Jb", "ab"),
            ("a\u{9d}0;t\u{9c}b", "ab"),
            ("a\u{1b}(0b\u{1b}cd", "abd"),
            ("a\u{8}\u{0}\u{7f}\u{7}\u{85}b", "ab"),
            ("a\u{1b}]0;never ended\nb", "a\nb"),
            ("a\u{1b}[3\u{18}1mb", "a1mb"),
        ] {
            assert_eq!(pass(text), shown, "{text:?}");
        }
        assert_eq!(pass(&format!("a\u{1b}[{}mb", "1;".repeat(100))), "ab");
    }

    #[test]
    fn a_cut_anywhere_changes_nothing() {
        let text = "a\u{1b}[31mred\u{1b}]0;t\u{1b}\\é\u{1b}[2Jb";
        for (cut, _) in text.char_indices() {
            let mut filter = Filter::default();
            let shown = filter.pass(&text[..cut]) + &filter.pass(&text[cut..]);
            assert_eq!(shown, "a\u{1b}[31mredéb", "cut at {cut}");
        }
    }

    #[test]
    fn characters_cut_in_two_are_put_together() {
        let bytes = "né\u{1f600}日".as_bytes();
        for cut in 0..bytes.len() {
            let mut filter = Filter::default();
            let shown = filter.pass_bytes(&bytes[..cut]) + &filter.pass_bytes(&bytes[cut..]);
            assert_eq!(shown, "né\u{1f600}日", "cut at {cut}");
        }
        assert_eq!(Filter::default().pass_bytes(b"a\xff\x80b"), "a\u{fffd}\u{fffd}b");
    }
}
