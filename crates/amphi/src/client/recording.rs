//! Recordings as far as this program shows them, and the upload of their archives.

use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::Value;

use super::{Client, ClientError};

/// A recording.
#[derive(Debug, Deserialize)]
pub(crate) struct Recording {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) is_protected: bool,
    pub(crate) started: Timestamp,
    #[serde(default)]
    pub(crate) playbacks: Vec<Playback>,
}

/// One way to watch it.
#[derive(Debug, Deserialize)]
pub(crate) struct Playback {
    pub(crate) format: String,
    pub(crate) minutes: i64,
}

/// An archive that was set aside.
#[derive(Debug, Deserialize)]
pub(crate) struct Quarantined {
    pub(crate) file: String,
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
}

/// How far an upload is.
#[derive(Debug, Deserialize)]
pub(crate) struct Upload {
    pub(crate) id: String,
    /// Bytes that the server has.
    pub(crate) offset: u64,
}

impl Client {
    /// Sends a piece of an upload, which begins at `offset`; how far the upload is then.
    pub(crate) async fn upload_piece(&self, id: &str, offset: u64, piece: Vec<u8>) -> Result<Upload, ClientError> {
        let request = self.http.patch(self.url(&["conference", "uploads", id])?).header("upload-offset", offset);
        let request = request.header(CONTENT_TYPE, "application/octet-stream").body(piece);
        self.decode(self.send(request).await?).await
    }

    /// Has the server take an upload in, which takes as long as it takes.
    pub(crate) async fn upload_finish(&self, id: &str) -> Result<Value, ClientError> {
        let http = Self::http(&self.connection, self.headers.clone(), None)?;
        self.decode(self.send(http.post(self.url(&["conference", "uploads", id, "finish"])?)).await?).await
    }
}
