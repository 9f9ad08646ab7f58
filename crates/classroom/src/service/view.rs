//! Watching protected recordings: a token that opens one once, and the cookie that it is exchanged for.

use std::collections::HashMap;

use db::{DbError, Write};
use sha2::{Digest as _, Sha256};

use super::ServiceError;
use crate::Classroom;
use crate::model::checksum::hex;
use crate::model::recording::{Format, Playback, Recording, RecordingId};
use crate::queries::view::{view_prune, view_use};

/// How long a token can be exchanged.
const TOKEN_MS: i64 = 60 * 60_000;
/// How long one may watch then.
const WATCH_MS: i64 = 360 * 60_000;

/// Tokens by what they open.
pub(crate) type ViewTokens = HashMap<(RecordingId, Format), String>;

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}

/// What a cookie is sealed for.
fn sealed_for(id: &RecordingId, format: &Format) -> String {
    format!("classroom-view {id} {}", format.as_str())
}

/// What a token is sealed for.
fn token_sealed_for(id: &RecordingId, format: &Format) -> String {
    format!("classroom-view-token {id} {}", format.as_str())
}

impl Classroom {
    /// A token for each way to watch each of these recordings that is protected. Nothing is stored: a client may list
    /// ten thousand recordings as often as it likes.
    pub(crate) fn view_tokens(&self, recordings: &[(Recording, Vec<Playback>)]) -> ViewTokens {
        let until = (self.now_ms() + TOKEN_MS).to_string();
        let ways =
            recordings.iter().filter(|(recording, _)| recording.is_protected).flat_map(|(recording, playbacks)| {
                playbacks.iter().map(move |playback| (recording.id.clone(), playback.format.clone()))
            });
        let sealed = ways.map(|(id, format)| {
            let sealed = self.config().seal.seal(&token_sealed_for(&id, &format), &until);
            // As it stands in an address.
            let token = sealed.replace('+', "-").replace('/', "_");
            ((id, format), token)
        });
        sealed.collect()
    }

    /// Where a way to watch a recording is; a protected one with its token.
    pub(crate) fn watch_url(&self, tokens: &ViewTokens, id: &RecordingId, playback: &Playback) -> String {
        let url = &self.config().url;
        match tokens.get(&(id.clone(), playback.format.clone())) {
            Some(token) => format!("{url}/recording/{id}/{}?token={token}", playback.format.as_str()),
            None => format!("{url}{}", playback.link),
        }
    }

    /// Exchanges a token for what a cookie holds; `None`: it is none, is over, or was used.
    pub(crate) async fn view_redeem(
        &self,
        id: &RecordingId,
        format: &Format,
        token: &str,
    ) -> Result<Option<String>, ServiceError> {
        let sealed = token.replace('-', "+").replace('_', "/");
        let Ok(until) = self.config().seal.open(&token_sealed_for(id, format), &sealed) else { return Ok(None) };
        let (Ok(until_ms), now_ms) = (until.expose().parse(), self.now_ms()) else { return Ok(None) };
        if now_ms >= until_ms {
            return Ok(None);
        }
        // Of what was sealed, not of what was given, in which a letter may be written in two ways.
        let used = Write::new().step(view_prune(now_ms)).step(view_use(&hash(&sealed), id, format, until_ms));
        match self.db().write(used).await {
            Ok(_) => {}
            Err(DbError::Duplicate) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let until_ms = now_ms + WATCH_MS;
        Ok(Some(self.config().seal.seal(&sealed_for(id, format), &until_ms.to_string())))
    }

    /// Whether a cookie opens a recording now.
    pub(crate) fn may_view(&self, id: &RecordingId, format: &Format, cookie: &str) -> bool {
        let opened = self.config().seal.open(&sealed_for(id, format), cookie);
        opened
            .ok()
            .and_then(|until| until.expose().parse::<i64>().ok())
            .is_some_and(|until_ms| self.now_ms() < until_ms)
    }

    /// How long a cookie holds, seconds.
    pub(crate) fn view_seconds() -> i64 {
        WATCH_MS / 1_000
    }
}
