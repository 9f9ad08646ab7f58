//! Recordings: found, published, changed, deleted. Who may is asked by the filter: a tenant's clients and teachers see its
//! own, operators all.

use std::collections::{BTreeMap, HashMap};

use db::{DbError, Write};
use portal::{Caller, Scope, TenantId, utc_text};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::ServiceError;
use crate::Classroom;
use crate::model::recording::{Format, Playback, Recording, RecordingId, RecordingState, is_name};
use crate::queries::recording::{
    RecordingFilter, playback_list, recording_delete, recording_get, recording_list, recording_publish,
    recording_update,
};

/// Entries of a recording's metadata, and characters of a value, at most.
const METADATA_MAX: usize = 200;
const TEXT_CHARS_MAX: usize = 2_000;

/// One way to watch a recording, as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct PlaybackView {
    /// presentation, video, podcast, notes, screenshare or what else a server makes.
    pub(crate) format: String,
    /// Where it is watched; of a protected recording the address asks for a token.
    pub(crate) url: String,
    /// Minutes.
    pub(crate) minutes: i64,
    /// Bytes.
    pub(crate) bytes: i64,
}

/// A recording as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct RecordingView {
    /// The id that its conference server gave it.
    pub(crate) id: String,
    /// What clients called the meeting.
    pub(crate) meeting_id: String,
    /// What people read.
    pub(crate) name: String,
    /// Id of its tenant.
    pub(crate) tenant: String,
    /// published, unpublished or deleted.
    pub(crate) state: String,
    /// Whether only who has a token of its client can watch it.
    pub(crate) is_protected: bool,
    /// RFC 3339, UTC.
    pub(crate) started: String,
    /// RFC 3339, UTC.
    pub(crate) ended: String,
    /// How many came.
    pub(crate) participants: i64,
    /// What its client says of it.
    pub(crate) metadata: BTreeMap<String, String>,
    /// The ways to watch it.
    pub(crate) playbacks: Vec<PlaybackView>,
    #[serde(skip)]
    pub(crate) started_ms: i64,
}

/// What is to be changed of a recording.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordingChange {
    pub(crate) name: Option<String>,
    /// An empty value removes the entry.
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) is_protected: Option<bool>,
}

/// The recordings that somebody may see.
pub(crate) fn visible(caller: &Caller) -> Option<TenantId> {
    match caller.scope() {
        Scope::All => None,
        Scope::Tenant { tenant } | Scope::Account { tenant, .. } => Some(tenant),
    }
}

/// Where the files of a recording in one format are kept.
pub(crate) fn recording_path(format: &Format, id: &RecordingId) -> String {
    format!("{}/{id}", format.as_str())
}

impl Classroom {
    /// Recordings with the ways to watch each here.
    pub(crate) async fn recordings_find(
        &self,
        filter: &RecordingFilter,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<(Recording, Vec<Playback>)>, DbError> {
        let recordings = recording_list(self.db(), filter, offset, limit).await?;
        let mut playbacks: HashMap<_, _> = playback_list(self.db(), &recordings).await?;
        let with = |recording: Recording| {
            let mut own = playbacks.remove(&recording.id).unwrap_or_default();
            own.retain(|playback| playback.format.is_served());
            (recording, own)
        };
        Ok(recordings.into_iter().map(with).collect())
    }

    /// Those of some recordings that there are, are not deleted, and are `tenant`'s.
    pub(crate) async fn recordings_named(
        &self,
        tenant: Option<&TenantId>,
        ids: &[RecordingId],
    ) -> Result<Vec<Recording>, DbError> {
        let mut named = Vec::new();
        for id in ids {
            let found = recording_get(self.db(), id).await?;
            named.extend(found.filter(|own| {
                own.state != RecordingState::Deleted && tenant.is_none_or(|tenant| own.tenant == *tenant)
            }));
        }
        Ok(named)
    }

    /// One recording that a caller may see. Errors: `RecordingUnknown`.
    pub(crate) async fn recording_find(&self, caller: &Caller, id: &str) -> Result<Recording, ServiceError> {
        let id = RecordingId::parse(id).ok_or(ServiceError::RecordingUnknown)?;
        let named = self.recordings_named(visible(caller).as_ref(), &[id]).await?;
        named.into_iter().next().ok_or(ServiceError::RecordingUnknown)
    }

    /// Publishes or unpublishes recordings; an import leaves that alone from now on. `caller`: `None` for a client.
    pub(crate) async fn recordings_publish(
        &self,
        caller: Option<&Caller>,
        recordings: &[Recording],
        is_published: bool,
    ) -> Result<(), ServiceError> {
        let mut write = Write::new();
        for recording in recordings {
            write.push_step(recording_publish(&recording.id, is_published));
            let deed = if is_published { "recording.publish" } else { "recording.unpublish" };
            self.recording_audit(&mut write, caller, deed, &recording.id);
        }
        self.db().write(write).await?;
        Ok(())
    }

    /// Changes recordings. Errors: `Recording`.
    pub(crate) async fn recordings_change(
        &self,
        caller: Option<&Caller>,
        recordings: Vec<Recording>,
        change: RecordingChange,
    ) -> Result<(), ServiceError> {
        let mut write = Write::new();
        for recording in recordings {
            let recording = changed(recording, &change)?;
            write.push_step(recording_update(&recording));
            self.recording_audit(&mut write, caller, "recording.change", &recording.id);
        }
        self.db().write(write).await?;
        Ok(())
    }

    /// Deletes recordings: their files go, that they were there is kept.
    pub(crate) async fn recordings_delete(
        &self,
        caller: Option<&Caller>,
        recordings: &[Recording],
    ) -> Result<(), ServiceError> {
        let mut write = Write::new();
        for recording in recordings {
            recording_delete(&mut write, &recording.id);
            self.recording_audit(&mut write, caller, "recording.delete", &recording.id);
        }
        // From here on nothing of them is shown, so that what is left of the files on a failing disk is only room.
        self.db().write(write).await?;
        for recording in recordings {
            self.recording_files_remove(&recording.id).await?;
        }
        Ok(())
    }

    async fn recording_files_remove(&self, id: &RecordingId) -> Result<(), ServiceError> {
        for files in self.kept().each() {
            for folder in files.folders().await.map_err(ServiceError::Files)? {
                files.remove(&format!("{folder}/{id}")).await.map_err(ServiceError::Files)?;
            }
        }
        Ok(())
    }

    fn recording_audit(&self, write: &mut Write, caller: Option<&Caller>, deed: &str, id: &RecordingId) {
        match caller {
            Some(caller) => self.portal().audit(write, caller, deed, id.as_str(), json!({})),
            None => self.portal().audit_seen(write, deed, id.as_str(), json!({ "by": "conference API" })),
        }
    }

    /// A recording as it is shown.
    pub(crate) fn recording_view(&self, recording: Recording, playbacks: &[Playback]) -> RecordingView {
        let url = &self.config().url;
        let playback = |own: &Playback| PlaybackView {
            format: own.format.as_str().to_owned(),
            url: format!("{url}{}", own.link),
            minutes: own.minutes,
            bytes: own.bytes,
        };
        RecordingView {
            playbacks: playbacks.iter().map(playback).collect(),
            id: recording.id.to_string(),
            meeting_id: recording.meeting_id,
            name: recording.name,
            tenant: recording.tenant.to_string(),
            state: recording.state.as_str().to_owned(),
            is_protected: recording.is_protected,
            started: utc_text(recording.started_ms),
            ended: utc_text(recording.ended_ms),
            participants: recording.participants,
            metadata: recording.metadata,
            started_ms: recording.started_ms,
        }
    }
}

fn changed(recording: Recording, change: &RecordingChange) -> Result<Recording, ServiceError> {
    let refused = |field, message: &str| ServiceError::Recording { field, message: message.to_owned() };
    let mut recording = recording;
    if let Some(name) = &change.name {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > TEXT_CHARS_MAX || name.contains(char::is_control) {
            return Err(refused("name", "A recording's name has 1 to 2000 characters, on one line."));
        }
        name.clone_into(&mut recording.name);
    }
    for (name, value) in &change.metadata {
        let name = name.to_ascii_lowercase();
        if !is_name(&name) || value.chars().count() > TEXT_CHARS_MAX || value.contains('\0') {
            return Err(refused(
                "metadata",
                "A name of metadata has 1 to 100 letters, digits, - _ and ., a letter first; a value at most 2000 characters.",
            ));
        }
        if value.is_empty() {
            recording.metadata.remove(&name);
        } else {
            recording.metadata.insert(name, value.clone());
        }
    }
    if recording.metadata.len() > METADATA_MAX {
        return Err(refused("metadata", "A recording has at most 200 entries of metadata."));
    }
    recording.is_protected = change.is_protected.unwrap_or(recording.is_protected);
    Ok(recording)
}
