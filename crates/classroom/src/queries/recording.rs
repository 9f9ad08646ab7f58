//! Recordings, the ways to watch them, and their captions.

use std::collections::HashMap;

use db::{Database, DbError, Given, Kind, Query, Row, Write};
use portal::TenantId;

use super::{json, tenant, unreadable};
use crate::model::recording::{Format, Playback, Recording, RecordingId, RecordingState, Track};

const RECORDING: &str = "SELECT id, tenant, meeting_id, internal_id, name, state, is_decided, is_protected, started_ms, \
     ended_ms, participants, raw_bytes, metadata, imported_ms FROM classroom_recording";

/// Which recordings. What is empty asks for nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordingFilter {
    pub(crate) tenant: Option<TenantId>,
    /// What their ids begin with.
    pub(crate) id_prefixes: Vec<String>,
    pub(crate) meeting_ids: Vec<String>,
    pub(crate) states: Vec<RecordingState>,
    /// Names and values of metadata; one of them is enough.
    pub(crate) metadata: Vec<(String, String)>,
    /// Those that come after this one, newest first.
    pub(crate) after: Option<(i64, RecordingId)>,
}

fn recording_read(row: &Row) -> Result<Recording, DbError> {
    Ok(Recording {
        id: RecordingId::parse(&row.get::<String>("id")?).ok_or_else(|| unreadable("id"))?,
        tenant: tenant(row, "tenant")?,
        meeting_id: row.get("meeting_id")?,
        internal_id: row.get("internal_id")?,
        name: row.get("name")?,
        state: RecordingState::parse(&row.get::<String>("state")?).ok_or_else(|| unreadable("state"))?,
        is_decided: row.get("is_decided")?,
        is_protected: row.get("is_protected")?,
        started_ms: row.get("started_ms")?,
        ended_ms: row.get("ended_ms")?,
        participants: row.get("participants")?,
        raw_bytes: row.get("raw_bytes")?,
        metadata: json(row, "metadata")?,
        imported_ms: row.get("imported_ms")?,
    })
}

/// Text for LIKE, of which every character stands for itself.
fn literal(text: &str) -> String {
    let escape = |c: char| if matches!(c, '!' | '%' | '_') { format!("!{c}") } else { c.to_string() };
    text.chars().map(escape).collect()
}

/// How an entry stands in the stored object. Names have no quotes, so that this is found nowhere else in it.
fn entry(name: &str, value: &str) -> String {
    let value = serde_json::to_string(value).expect("a text is JSON");
    format!("%{}%", literal(&format!("\"{name}\":{value}")))
}

/// A condition that one of several is met.
fn any(conditions: usize, one: &str) -> String {
    format!(" AND ({})", vec![one; conditions].join(" OR "))
}

/// `select` with the filter's conditions and what comes behind them.
fn filtered(select: &str, filter: &RecordingFilter, tail: &str) -> Query {
    let mut sql = format!("{select} WHERE 1 = 1");
    let mut values: Vec<String> = Vec::new();
    if let Some(tenant) = &filter.tenant {
        sql.push_str(" AND tenant = ?");
        values.push(tenant.to_string());
    }
    let mut push = |one: &str, own: Vec<String>| {
        if !own.is_empty() {
            sql.push_str(&any(own.len(), one));
            values.extend(own);
        }
    };
    push("id LIKE ? ESCAPE '!'", filter.id_prefixes.iter().map(|prefix| format!("{}%", literal(prefix))).collect());
    push("meeting_id = ?", filter.meeting_ids.clone());
    push("state = ?", filter.states.iter().map(|state| state.as_str().to_owned()).collect());
    push("metadata LIKE ? ESCAPE '!'", filter.metadata.iter().map(|(name, value)| entry(name, value)).collect());
    if filter.after.is_some() {
        sql.push_str(" AND (started_ms < ? OR (started_ms = ? AND id < ?))");
    }
    sql.push_str(tail);
    let mut query = Query::new(sql);
    values.into_iter().for_each(|value| query.push_bind(value));
    match &filter.after {
        Some((started_ms, id)) => query.bind(*started_ms).bind(*started_ms).bind(id.as_str()),
        None => query,
    }
}

/// Recordings, newest first: at most `limit` after the first `offset`.
pub(crate) async fn recording_list(
    db: &Database,
    filter: &RecordingFilter,
    offset: i64,
    limit: i64,
) -> Result<Vec<Recording>, DbError> {
    let query = filtered(RECORDING, filter, " ORDER BY started_ms DESC, id DESC LIMIT ? OFFSET ?");
    db.all(query.bind(limit).bind(offset)).await?.iter().map(recording_read).collect()
}

/// How many there are.
pub(crate) async fn recording_count(db: &Database, filter: &RecordingFilter) -> Result<i64, DbError> {
    db.one(filtered("SELECT COUNT(*) AS recordings FROM classroom_recording", filter, "")).await?.get("recordings")
}

/// One recording.
pub(crate) async fn recording_get(db: &Database, id: &RecordingId) -> Result<Option<Recording>, DbError> {
    let query = Query::new(format!("{RECORDING} WHERE id = ?")).bind(id.as_str());
    db.optional(query).await?.as_ref().map(recording_read).transpose()
}

/// Inserts a recording; `DbError::Duplicate` when it is there.
pub(crate) fn recording_insert(recording: &Recording) -> Query {
    let sql = "INSERT INTO classroom_recording (id, tenant, meeting_id, internal_id, name, state, is_decided, \
         is_protected, started_ms, ended_ms, participants, raw_bytes, metadata, imported_ms) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    Query::new(sql)
        .bind(recording.id.as_str())
        .bind(recording.tenant.as_str())
        .bind(recording.meeting_id.as_str())
        .bind(recording.internal_id.as_str())
        .bind(recording.name.as_str())
        .bind(recording.state.as_str())
        .bind(recording.is_decided)
        .bind(recording.is_protected)
        .bind(recording.started_ms)
        .bind(recording.ended_ms)
        .bind(recording.participants)
        .bind(recording.raw_bytes)
        .bind(metadata_text(recording))
        .bind(recording.imported_ms)
}

fn metadata_text(recording: &Recording) -> String {
    serde_json::to_string(&recording.metadata).expect("texts are JSON")
}

/// It was imported again: what a conference server knows better is taken over. One that was deleted stays so.
pub(crate) fn recording_import_again(recording: &Recording) -> Query {
    let sql = "UPDATE classroom_recording SET state = CASE WHEN is_decided = 1 THEN state ELSE ? END, ended_ms = ?, \
         participants = ?, raw_bytes = ?, imported_ms = ? WHERE id = ? AND state <> 'deleted'";
    Query::new(sql)
        .bind(recording.state.as_str())
        .bind(recording.ended_ms)
        .bind(recording.participants)
        .bind(recording.raw_bytes)
        .bind(recording.imported_ms)
        .bind(recording.id.as_str())
}

/// Somebody publishes or unpublishes a recording that is not deleted.
pub(crate) fn recording_publish(id: &RecordingId, is_published: bool) -> Query {
    let sql = "UPDATE classroom_recording SET state = ?, is_decided = 1 WHERE id = ? AND state <> 'deleted'";
    Query::new(sql).bind(RecordingState::of(is_published).as_str()).bind(id.as_str())
}

/// Sets what people may change of a recording that is not deleted: its name, metadata and protection.
pub(crate) fn recording_update(recording: &Recording) -> Query {
    let sql = "UPDATE classroom_recording SET name = ?, metadata = ?, is_protected = ? \
         WHERE id = ? AND state <> 'deleted'";
    Query::new(sql)
        .bind(recording.name.as_str())
        .bind(metadata_text(recording))
        .bind(recording.is_protected)
        .bind(recording.id.as_str())
}

/// A recording is deleted: that it was there is kept, and nothing else.
pub(crate) fn recording_delete(write: &mut Write, id: &RecordingId) {
    let sql = "UPDATE classroom_recording SET state = 'deleted', is_decided = 1, metadata = '{}' WHERE id = ?";
    write.push_step(Query::new(sql).bind(id.as_str()));
    for table in ["classroom_playback", "classroom_track", "classroom_view"] {
        write.push_step(Query::new(format!("DELETE FROM {table} WHERE recording = ?")).bind(id.as_str()));
    }
}

fn playback_read(row: &Row) -> Result<(RecordingId, Playback), DbError> {
    let id = RecordingId::parse(&row.get::<String>("recording")?).ok_or_else(|| unreadable("recording"))?;
    let format = Format::parse(&row.get::<String>("format")?).ok_or_else(|| unreadable("format"))?;
    let playback = Playback {
        format,
        link: row.get("link")?,
        minutes: row.get("minutes")?,
        bytes: row.get("bytes")?,
        processing_ms: row.get("processing_ms")?,
        previews: json(row, "previews")?,
    };
    Ok((id, playback))
}

/// The ways to watch each of some recordings, by name.
pub(crate) async fn playback_list(
    db: &Database,
    recordings: &[Recording],
) -> Result<HashMap<RecordingId, Vec<Playback>>, DbError> {
    let mut given = Given::new(&[("of_id", Kind::Text)]);
    recordings.iter().for_each(|recording| given.push([recording.id.as_str().into()]));
    let sql = "SELECT recording, format, link, minutes, bytes, processing_ms, previews FROM classroom_playback \
         WHERE recording IN (SELECT of_id FROM given)";
    let mut playbacks: HashMap<RecordingId, Vec<Playback>> = HashMap::new();
    for row in db.all_given(Query::new(sql), given).await? {
        let (id, playback) = playback_read(&row)?;
        playbacks.entry(id).or_default().push(playback);
    }
    playbacks.values_mut().for_each(|own| own.sort_by(|a, b| a.format.cmp(&b.format)));
    Ok(playbacks)
}

/// Keeps a way to watch a recording.
pub(crate) fn playback_put(write: &mut Write, recording: &RecordingId, playback: &Playback) {
    let sql = "INSERT INTO classroom_playback (recording, format, link, minutes, bytes, processing_ms, previews) \
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (recording, format) DO UPDATE SET link = excluded.link, \
         minutes = excluded.minutes, bytes = excluded.bytes, processing_ms = excluded.processing_ms, \
         previews = excluded.previews";
    let query = Query::new(sql)
        .bind(recording.as_str())
        .bind(playback.format.as_str())
        .bind(playback.link.as_str())
        .bind(playback.minutes)
        .bind(playback.bytes)
        .bind(playback.processing_ms);
    write.push_step(query.bind(serde_json::to_string(&playback.previews).expect("pictures are JSON")));
}

/// The captions that somebody added, by kind and language.
pub(crate) async fn track_list(db: &Database, recording: &RecordingId) -> Result<Vec<Track>, DbError> {
    let sql = "SELECT kind, lang, label FROM classroom_track WHERE recording = ? ORDER BY kind, lang";
    let rows = db.all(Query::new(sql).bind(recording.as_str())).await?;
    rows.iter()
        .map(|row| Ok(Track { kind: row.get("kind")?, lang: row.get("lang")?, label: row.get("label")? }))
        .collect()
}

/// Keeps captions, in the place of those of the same kind and language.
pub(crate) fn track_put(write: &mut Write, recording: &RecordingId, track: &Track) {
    let sql = "INSERT INTO classroom_track (recording, kind, lang, label, source) VALUES (?, ?, ?, ?, 'upload') \
         ON CONFLICT (recording, kind, lang) DO UPDATE SET label = excluded.label";
    let query = Query::new(sql).bind(recording.as_str()).bind(track.kind.as_str()).bind(track.lang.as_str());
    write.push_step(query.bind(track.label.as_str()));
}

/// Forgets captions.
pub(crate) fn track_delete(recording: &RecordingId, kind: &str, lang: &str) -> Query {
    Query::new("DELETE FROM classroom_track WHERE recording = ? AND kind = ? AND lang = ?")
        .bind(recording.as_str())
        .bind(kind)
        .bind(lang)
}
