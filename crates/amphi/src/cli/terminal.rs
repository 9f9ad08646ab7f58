//! The two ends of a person's terminal: width, colours, questions, and input that isn't shown.

use std::io::{self, BufRead, IsTerminal, Write};

use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

/// Colours of the terminal's own palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Red,
    Green,
    Yellow,
    Blue,
    Faint,
}

/// `text` in `colour`, with nothing left switched on behind it.
pub(super) fn paint(text: &str, colour: Option<Colour>) -> String {
    let code = match colour {
        None => return text.to_owned(),
        Some(Colour::Red) => "31",
        Some(Colour::Green) => "32",
        Some(Colour::Yellow) => "33",
        Some(Colour::Blue) => "34",
        Some(Colour::Faint) => "2",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Controls, and what turns the direction of the text around it.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What others wrote (names, reasons), without what steers: it can't move the cursor, or show itself in another order.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| !steers(*c)).collect()
}

/// Without anything that could steer the terminal, and so that names stay different: as `\t` or `\u{1b}`.
pub(super) fn visible(text: &str) -> String {
    let shown = |c: char| if steers(c) { c.escape_default().collect() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// Colours only on a terminal and only when NO_COLOR is not set (no-color.org).
pub(super) fn wants_colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Columns of standard output; `None` when it is no terminal.
pub(super) fn stdout_width() -> Option<usize> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    terminal_size::terminal_size_of(stdout).map(|(width, _)| usize::from(width.0)).filter(|&width| width > 0)
}

/// Writes to standard error. When even that is gone there is nobody left to tell, so a failure is let go.
pub(super) fn say(text: &str) {
    let _ = eprint_flush(text);
}

/// One line on the terminal that is rewritten in place; nothing where there is no terminal.
pub(super) struct StatusLine {
    pub(super) is_on: bool,
    is_shown: bool,
}

impl StatusLine {
    pub(super) fn new() -> Self {
        Self { is_on: io::stderr().is_terminal(), is_shown: false }
    }

    pub(super) fn show(&mut self, text: &str) {
        if self.is_on {
            self.is_shown = true;
            say(&format!("\r\u{1b}[K{text}"));
        }
    }

    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            say("\r\u{1b}[K");
        }
    }
}

/// Can a person answer?
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on standard error and reads one line.
pub(super) fn ask(question: &str) -> io::Result<String> {
    eprint_flush(question)?;
    let mut line = String::new();
    if io::stdin().read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim().to_owned())
}

/// Yes only when somebody types it.
pub(super) fn confirm(question: &str) -> io::Result<bool> {
    let answer = ask(&format!("{question} [y/N] "))?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes" | "o" | "oui"))
}

/// Asks for a line that isn't shown while it is typed. Ctrl-C gives `Interrupted`.
pub(super) fn ask_hidden(question: &str) -> io::Result<String> {
    let typed = {
        // Before the question, so that nothing typed after it is ever shown.
        let _quiet = Quiet::start()?;
        eprint_flush(question)?;
        read_hidden(io::stdin().lock())
    };
    say("\n");
    typed
}

fn read_hidden(input: impl BufRead) -> io::Result<String> {
    let mut typed = Vec::new();
    for byte in input.bytes() {
        match byte? {
            b'\n' | b'\r' => break,
            // Ctrl-C arrives as a byte, so that the terminal is put back in order before we leave.
            0x03 => return Err(io::ErrorKind::Interrupted.into()),
            0x04 if typed.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            0x08 | 0x7f => while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            0x15 => typed.clear(),
            byte => typed.push(byte),
        }
    }
    String::from_utf8(typed).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn eprint_flush(text: &str) -> io::Result<()> {
    let mut stderr = io::stderr();
    stderr.write_all(text.as_bytes())?;
    stderr.flush()
}

/// The terminal of standard input without echo, until dropped.
struct Quiet(Termios);

impl Quiet {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.0) {
            tracing::warn!("the terminal's echo could not be switched on again: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_neither_steer_the_terminal_nor_turn_their_direction() {
        let name = "photo\u{202e}gpj.exe\n\u{1b}[2Jé ש";
        assert_eq!(plain(name), "photogpj.exe[2Jé ש");
        assert_eq!(visible(name), r"photo\u{202e}gpj.exe\n\u{1b}[2Jé ש");
    }

    #[test]
    fn hidden_input_can_be_corrected() {
        let typed = |bytes: &[u8]| read_hidden(bytes).map_err(|error| error.kind());
        assert_eq!(typed(b"secret\nrest"), Ok("secret".to_owned()));
        assert_eq!(typed("né\u{7f}!\r".as_bytes()), Ok("n!".to_owned()));
        assert_eq!(typed(b"wrong\x15right\n"), Ok("right".to_owned()));
        assert_eq!(typed(b"sec\x03"), Err(io::ErrorKind::Interrupted));
        assert_eq!(typed(b"\x04"), Err(io::ErrorKind::UnexpectedEof));
    }
}
