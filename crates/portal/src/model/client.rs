//! Clients: signed-in browsers and programs with a token, and what is known of them.

/// A session ends when unused for this long, ms (7 days).
pub const SESSION_IDLE_MS: i64 = 7 * 24 * 3_600_000;
/// A session ends this long after sign-in, used or not, ms (30 days).
pub const SESSION_MAX_MS: i64 = 30 * 24 * 3_600_000;
/// A client that was seen this recently counts as here now, ms (2 minutes).
pub const HERE_MS: i64 = 120_000;

/// What kind of client it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// A browser's session.
    Browser,
    /// A program with an API token.
    Program,
}

impl ClientKind {
    /// The word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            ClientKind::Browser => "browser",
            ClientKind::Program => "program",
        }
    }
}

/// One signed-in client.
#[derive(Clone, Debug)]
pub struct Client {
    /// The session's or token's id.
    pub id: String,
    /// Browser or program.
    pub kind: ClientKind,
    /// Whose it is, for people.
    pub login: String,
    /// The token's name; empty for browsers.
    pub name: String,
    /// Where it calls from.
    pub address: String,
    /// What it says it is (`User-Agent`).
    pub agent: String,
    /// When it signed in or was made, epoch ms.
    pub created_ms: i64,
    /// When it was last seen, epoch ms, up to half a minute late; `None` for a token never used.
    pub seen_ms: Option<i64>,
}

impl Client {
    /// Whether it was seen within [`HERE_MS`].
    pub fn is_here(&self, now_ms: i64) -> bool {
        self.seen_ms.is_some_and(|seen| now_ms - seen <= HERE_MS)
    }
}

/// An API token without its secret.
#[derive(Clone, Debug)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// What its owner called it.
    pub name: String,
    /// When it was made, epoch ms.
    pub created_ms: i64,
    /// When it ends, epoch ms; `None`: never.
    pub expires_ms: Option<i64>,
    /// When it was last used, epoch ms.
    pub last_used_ms: Option<i64>,
}
