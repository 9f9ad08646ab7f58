//! Why a command was not carried out: at most three lines for people and an exit status for programs.

use std::io;

use super::terminal::{Colour, paint, plain, say, wants_colours};
use crate::client::{ClientError, ConnectionError, Problem};

/// Wrong usage.
pub(crate) const USAGE: u8 = 2;
/// Not signed in, not allowed, over a quota.
pub(crate) const REFUSED: u8 = 3;
/// No such thing.
pub(crate) const NOT_FOUND: u8 = 4;
/// Something stands against it.
pub(crate) const CONFLICT: u8 = 5;
/// No service, EX_UNAVAILABLE of sysexits.h.
pub(crate) const UNAVAILABLE: u8 = 69;
/// We are at fault, and trying again won't help: EX_SOFTWARE of sysexits.h.
pub(crate) const BUG: u8 = 70;
/// 128 + SIGINT, as a shell gives it.
pub(crate) const INTERRUPTED: u8 = 130;
/// 128 + SIGPIPE: the reader left, as every Unix tool says it.
const READER_LEFT: u8 = 141;

/// A command's end when it is not the wanted one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Exit status.
    pub(crate) exit: u8,
    what: String,
    why: Option<String>,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: u8, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: None, hint: None }
    }

    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    /// What to do, unless something better is known already.
    pub(crate) fn or_try(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Says which of several things it is about.
    pub(crate) fn about(mut self, thing: &str) -> Self {
        self.what = format!("{thing}: {}", self.what);
        self
    }

    /// Writes the lines to standard error; nothing when the reader of our output has left.
    pub(crate) fn print(&self) {
        if self.exit == READER_LEFT {
            return;
        }
        say(&self.lines(wants_colours(&io::stderr())));
    }

    /// What to do, if that is known.
    #[cfg(test)]
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// What and why on one line.
    pub(crate) fn summary(&self) -> String {
        match &self.why {
            Some(why) => format!("{}: {why}", self.what),
            None => self.what.clone(),
        }
    }

    fn lines(&self, colours: bool) -> String {
        let label = |word: &str, colour| paint(word, Some(colour).filter(|_| colours));
        let mut lines = format!("{} {}\n", label("error:", Colour::Red), plain(&self.what));
        for (word, text) in [("why:", &self.why), ("try:", &self.hint)] {
            if let Some(text) = text {
                lines.push_str(&format!("{} {}\n", label(word, Colour::Blue), plain(text)));
            }
        }
        lines
    }
}

/// The API's messages say in their first sentence what is wrong, and in the next what would be right.
fn split_sentence(message: &str) -> (&str, Option<String>) {
    let begins_sentence = |rest: &str| rest.starts_with(char::is_uppercase);
    match message.split_once(". ").filter(|(_, rest)| begins_sentence(rest)) {
        Some((what, advice)) => (what, Some(without_full_stop(advice).to_owned())),
        None => (without_full_stop(message), None),
    }
}

fn without_full_stop(text: &str) -> &str {
    text.strip_suffix('.').unwrap_or(text)
}

/// The exit status of an HTTP status.
fn exit_of(status: u16) -> u8 {
    match status {
        400 | 405 | 413 | 415 | 422 => USAGE,
        401 | 403 | 429 => REFUSED,
        404 | 410 => NOT_FOUND,
        409 | 412 => CONFLICT,
        _ => UNAVAILABLE,
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let (what, advice) = split_sentence(&problem.message);
        // Full stores and a reached quota have one status, and are not the same for who may do something about it.
        let exit = if problem.code == "quota" { REFUSED } else { exit_of(problem.status) };
        let mut failure = Self::new(exit, what);
        failure.hint = advice;
        if let Some(field) = &problem.field {
            failure = failure.why(format!("it concerns `{field}` ({})", problem.code));
        }
        match problem.status {
            401 => failure.or_try("amphi login URL, or set AMPHI_URL and AMPHI_TOKEN"),
            429 | 503 => match problem.retry_after_s {
                Some(seconds) => failure.or_try(format!("again in {seconds} s")),
                None => failure.or_try("again in a moment"),
            },
            500.. => match &problem.request_id {
                Some(id) => failure.or_try(format!("give the operator this request's id: {id}")),
                None => failure,
            },
            _ => failure,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let cause = deepest(&error);
        let failure = |exit| {
            let failure = Self::new(exit, error.to_string());
            match &cause {
                Some(cause) => failure.why(cause),
                None => failure,
            }
        };
        match &error {
            ClientError::Refused(problem) => problem.clone().into(),
            ClientError::Connect { .. } => {
                failure(UNAVAILABLE).or_try("check the address; `amphi up` starts a server on this machine")
            }
            ClientError::Untrusted { server, .. } => failure(REFUSED)
                .or_try(format!("amphi login {server} to check and keep its authority, or set AMPHI_CA to its file")),
            ClientError::Timeout { .. } | ClientError::Silent { .. } | ClientError::Broken { .. } => {
                failure(UNAVAILABLE).or_try("amphi doctor")
            }
            ClientError::Answer { .. } | ClientError::AnswerTooLong { .. } | ClientError::Event { .. } => {
                failure(UNAVAILABLE).or_try("check that the address is an Amphi server's; amphi doctor")
            }
            ClientError::Name { .. } => failure(USAGE),
            ClientError::TokenUnusable => failure(REFUSED).or_try("check AMPHI_TOKEN"),
            ClientError::CaUnreadable { .. } => failure(USAGE).or_try("give a certificate in PEM form"),
            ClientError::Setup { .. } => failure(UNAVAILABLE).or_try("install ca-certificates, or set AMPHI_CA"),
        }
    }
}

impl From<ConnectionError> for Failure {
    fn from(error: ConnectionError) -> Self {
        let failure = |exit| {
            let failure = Self::new(exit, error.to_string());
            match deepest(&error) {
                Some(cause) => failure.why(cause),
                None => failure,
            }
        };
        match &error {
            ConnectionError::NotConfigured => failure(REFUSED)
                .why("neither AMPHI_URL nor stored credentials say where the server is")
                .or_try("amphi login URL, or set AMPHI_URL and AMPHI_TOKEN"),
            ConnectionError::BadUrl { .. } => failure(USAGE).or_try("an address such as https://amphi.example.org"),
            ConnectionError::Unencrypted { .. } => failure(REFUSED).or_try("the server's https address"),
            ConnectionError::NoHome => failure(USAGE).or_try("set HOME, or AMPHI_URL and AMPHI_TOKEN"),
            ConnectionError::Damaged { .. } => failure(USAGE).or_try("amphi login URL writes it anew"),
            ConnectionError::Read { .. } | ConnectionError::Write { .. } => failure(USAGE),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::new(READER_LEFT, "the reader of the output left"),
            io::ErrorKind::Interrupted => Self::new(INTERRUPTED, "interrupted"),
            io::ErrorKind::UnexpectedEof => Self::new(USAGE, "the input ended before it was complete"),
            _ => Self::new(UNAVAILABLE, "reading or writing failed").why(error.to_string()),
        }
    }
}

/// The cause that everything started with, when it says more than the error itself.
fn deepest(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut cause = error.source()?;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Some(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16) -> Problem {
        Problem {
            status,
            code: "count-too-big".to_owned(),
            message: "A count of 5000 is too big. Send at most 100.".to_owned(),
            field: None,
            request_id: Some("r1".to_owned()),
            retry_after_s: None,
        }
    }

    #[test]
    fn statuses_become_exit_statuses() {
        let cases = [
            (USAGE, &[400, 413, 415, 422][..]),
            (REFUSED, &[401, 403, 429]),
            (NOT_FOUND, &[404]),
            (CONFLICT, &[409]),
            (UNAVAILABLE, &[500, 502, 503, 504, 507]),
        ];
        for (exit, statuses) in cases {
            for &status in statuses {
                assert_eq!(Failure::from(problem(status)).exit, exit, "{status}");
            }
        }
    }

    #[test]
    fn a_quota_is_a_refusal_and_full_stores_are_none() {
        let quota = Problem { code: "quota".to_owned(), ..problem(507) };
        assert_eq!(Failure::from(quota).exit, REFUSED);
        let full = Problem { code: "stores-full".to_owned(), ..problem(507) };
        assert_eq!(Failure::from(full).exit, UNAVAILABLE);
    }

    #[test]
    fn three_lines_at_most_and_none_can_steer_the_terminal() {
        let mut refused = problem(400);
        refused.field = Some("count".to_owned());
        refused.message.insert(0, '\u{1b}');
        assert_eq!(
            Failure::from(refused).or_try("amphi run ping --help").lines(false),
            "error: A count of 5000 is too big\n\
             why: it concerns `count` (count-too-big)\n\
             try: Send at most 100\n"
        );
        let mut bug = problem(500);
        bug.message = "It failed at 192.0.2.1. x.".to_owned();
        assert_eq!(
            Failure::from(bug).or_try("unused").lines(false),
            "error: It failed at 192.0.2.1. x\ntry: give the operator this request's id: r1\n"
        );
    }

    #[test]
    fn a_reader_that_left_is_no_news() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure.exit, READER_LEFT);
    }
}
