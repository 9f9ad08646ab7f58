//! Watching protected recordings: a token that opens one once, and the cookie that it is exchanged for.

use std::collections::HashMap;

use db::{DbError, Write};
use sha2::{Digest as _, Sha256};

use super::ServiceError;
use crate::Classroom;
use crate::model::checksum::hex;
use crate::model::recording::{Format, Playback, Recording, RecordingId};
use crate::model::token::token;
use crate::queries::view::{view_delete, view_get, view_insert, view_prune};

/// How long a token can be exchanged.
const TOKEN_MS: i64 = 60 * 60_000;
/// How long one may watch then.
const WATCH_MS: i64 = 360 * 60_000;

fn hash(token: &str) -> String {
    hex(&Sha256::digest(token))
}

/// What a cookie is sealed for.
fn sealed_for(id: &RecordingId, format: &Format) -> String {
    format!("classroom-view {id} {}", format.as_str())
}

impl Classroom {
    /// A token for each way to watch each of these recordings that is protected.
    pub(crate) async fn view_tokens(
        &self,
        recordings: &[(Recording, Vec<Playback>)],
    ) -> Result<HashMap<(RecordingId, Format), String>, ServiceError> {
        let mut tokens = HashMap::new();
        let mut write = Write::new();
        for (recording, playbacks) in recordings.iter().filter(|(recording, _)| recording.is_protected) {
            for playback in playbacks {
                let token = token();
                let until_ms = self.now_ms() + TOKEN_MS;
                view_insert(&mut write, &hash(&token), &recording.id, &playback.format, until_ms);
                tokens.insert((recording.id.clone(), playback.format.clone()), token);
            }
        }
        if !write.is_empty() {
            write.push_step(view_prune(self.now_ms()));
            self.db().write(write).await?;
        }
        Ok(tokens)
    }

    /// Exchanges a token for what a cookie holds; `None`: it is none, is over, or was used.
    pub(crate) async fn view_redeem(
        &self,
        id: &RecordingId,
        format: &Format,
        token: &str,
    ) -> Result<Option<String>, ServiceError> {
        let hash = hash(token);
        let opened = view_get(self.db(), &hash, self.now_ms()).await?;
        if opened.is_none_or(|opened| opened != (id.clone(), format.clone())) {
            return Ok(None);
        }
        match self.db().write(Write::new().expect("view", view_delete(&hash))).await {
            Ok(_) => {}
            Err(DbError::Unmet { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let until_ms = self.now_ms() + WATCH_MS;
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
