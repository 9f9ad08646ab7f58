//! What a stand-in server does wrong on demand.

use std::time::Duration;

/// A fault of a conference server, as a client meets it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Works.
    #[default]
    None,
    /// Closes the port and every connection.
    Refuse,
    /// Answers this HTTP status with an empty body and does nothing.
    Status(u16),
    /// Reads the request, does nothing and never answers.
    Hang,
    /// Reads the request, does nothing and closes the connection.
    Drop,
    /// Does the call at once, and answers this much later.
    Slow(Duration),
    /// Does nothing and answers these bytes as if they were XML, with status 200.
    Garbage(Vec<u8>),
    /// Does nothing and answers without ever coming to an end.
    Endless,
    /// Does nothing and answers this many bytes of well-formed beginning.
    Huge(usize),
    /// Does nothing and redirects to this URL.
    Redirect(String),
    /// Does the call and never answers: the client cannot know whether it was done.
    CreateThenHang,
}
