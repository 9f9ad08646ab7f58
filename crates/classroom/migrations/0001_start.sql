-- Conference servers. The secret is sealed.
CREATE TABLE classroom_server (
  id VARCHAR(64) NOT NULL PRIMARY KEY,
  url VARCHAR(190) NOT NULL UNIQUE,
  secret TEXT NOT NULL,
  tag VARCHAR(63) NOT NULL,
  weight BIGINT NOT NULL,
  state VARCHAR(16) NOT NULL,
  seen_ms BIGINT NOT NULL,
  created_ms BIGINT NOT NULL
);

-- Where each meeting is. `epoch` grows with each move, so that a move is a compare-and-swap.
CREATE TABLE classroom_meeting (
  tenant VARCHAR(36) NOT NULL,
  meeting_id VARCHAR(256) NOT NULL,
  server VARCHAR(64) NOT NULL,
  epoch BIGINT NOT NULL,
  voice_bridge BIGINT UNIQUE,
  token VARCHAR(43) NOT NULL UNIQUE,
  name TEXT NOT NULL,
  callbacks TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (tenant, meeting_id)
);
-- A server knows one meeting of a name, whose tenant it does not know.
CREATE UNIQUE INDEX classroom_meeting_server ON classroom_meeting (server, meeting_id);

-- How many came to a meeting the last times: what its next session is expected to be.
CREATE TABLE classroom_history (
  tenant VARCHAR(36) NOT NULL,
  meeting_id VARCHAR(256) NOT NULL,
  attendees BIGINT NOT NULL,
  seen_ms BIGINT NOT NULL,
  PRIMARY KEY (tenant, meeting_id)
);
CREATE INDEX classroom_history_seen ON classroom_history (seen_ms);

-- What a tenant's meetings are made with. 0: no limit.
CREATE TABLE classroom_tenant (
  tenant VARCHAR(36) NOT NULL PRIMARY KEY,
  hosts TEXT NOT NULL,
  defaults TEXT NOT NULL,
  overrides TEXT NOT NULL,
  meetings_max BIGINT NOT NULL,
  attendees_max BIGINT NOT NULL,
  minutes_max BIGINT NOT NULL,
  -- Grows with each meeting of a tenant that may have only so many: who makes one holds the row until its meeting is written,
  -- so that two at once don't both count without the other.
  claims BIGINT NOT NULL DEFAULT 0
);

-- Shared secrets by which clients of the API sign, sealed. Tenant '': the operators'.
CREATE TABLE classroom_secret (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  tenant VARCHAR(36) NOT NULL,
  secret TEXT NOT NULL,
  note VARCHAR(190) NOT NULL,
  created_ms BIGINT NOT NULL
);

-- What a tenant used on one day (UTC).
CREATE TABLE classroom_usage (
  tenant VARCHAR(36) NOT NULL,
  day VARCHAR(10) NOT NULL,
  meetings BIGINT NOT NULL,
  attendee_seconds BIGINT NOT NULL,
  meetings_most BIGINT NOT NULL,
  attendees_most BIGINT NOT NULL,
  PRIMARY KEY (tenant, day)
);

-- Durable rooms that people make on the pages. `settings` is JSON.
CREATE TABLE classroom_room (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  tenant VARCHAR(36) NOT NULL,
  owner VARCHAR(36) NOT NULL,
  name VARCHAR(190) NOT NULL,
  meeting_id VARCHAR(64) NOT NULL UNIQUE,
  invitation VARCHAR(43) NOT NULL UNIQUE,
  entrance VARCHAR(16) NOT NULL,
  settings TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE INDEX classroom_room_owner ON classroom_room (owner, id);
CREATE INDEX classroom_room_tenant ON classroom_room (tenant, entrance, id);

-- Recordings. `metadata` is a JSON object; `is_decided`: somebody published or unpublished it, which an import leaves alone.
CREATE TABLE classroom_recording (
  id VARCHAR(190) NOT NULL PRIMARY KEY,
  tenant VARCHAR(36) NOT NULL,
  meeting_id VARCHAR(256) NOT NULL,
  internal_id VARCHAR(190) NOT NULL,
  name TEXT NOT NULL,
  state VARCHAR(16) NOT NULL,
  is_decided SMALLINT NOT NULL,
  is_protected SMALLINT NOT NULL,
  started_ms BIGINT NOT NULL,
  ended_ms BIGINT NOT NULL,
  participants BIGINT NOT NULL,
  raw_bytes BIGINT NOT NULL,
  metadata TEXT NOT NULL,
  imported_ms BIGINT NOT NULL
);
CREATE INDEX classroom_recording_started ON classroom_recording (tenant, started_ms, id);
CREATE INDEX classroom_recording_meeting ON classroom_recording (tenant, meeting_id);

-- The ways a recording can be watched. `link` is the path as the server wrote it, `previews` a JSON list.
CREATE TABLE classroom_playback (
  recording VARCHAR(190) NOT NULL,
  format VARCHAR(63) NOT NULL,
  link TEXT NOT NULL,
  minutes BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  processing_ms BIGINT NOT NULL,
  previews TEXT NOT NULL,
  PRIMARY KEY (recording, format)
);

CREATE TABLE classroom_track (
  recording VARCHAR(190) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  lang VARCHAR(35) NOT NULL,
  label VARCHAR(190) NOT NULL,
  source VARCHAR(16) NOT NULL,
  PRIMARY KEY (recording, kind, lang)
);

-- Tokens that open a protected recording once. SHA-256 in hex.
CREATE TABLE classroom_view (
  hash VARCHAR(64) NOT NULL PRIMARY KEY,
  recording VARCHAR(190) NOT NULL,
  format VARCHAR(63) NOT NULL,
  until_ms BIGINT NOT NULL
);
CREATE INDEX classroom_view_until ON classroom_view (until_ms);

-- Archives that could not be taken in, and uploads under way.
CREATE TABLE classroom_quarantine (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  file TEXT NOT NULL,
  reason TEXT NOT NULL,
  at_ms BIGINT NOT NULL
);
CREATE TABLE classroom_upload (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  account VARCHAR(36) NOT NULL,
  name VARCHAR(190) NOT NULL,
  created_ms BIGINT NOT NULL
);

-- Hooks that clients asked for. '' as meeting: all of the tenant's. `same` is what makes two wishes one: the SHA-256 of
-- tenant, address and meeting.
CREATE TABLE classroom_hook (
  id BIGINT NOT NULL PRIMARY KEY,
  tenant VARCHAR(36) NOT NULL,
  url TEXT NOT NULL,
  meeting_id VARCHAR(256) NOT NULL,
  event_ids TEXT,
  is_raw SMALLINT NOT NULL,
  token VARCHAR(43) NOT NULL UNIQUE,
  same VARCHAR(64) NOT NULL UNIQUE,
  created_ms BIGINT NOT NULL
);

-- Addresses that clients want called for a meeting (kind: ended, analytics). What servers say may come long after the
-- meeting itself is forgotten.
CREATE TABLE classroom_callback (
  token VARCHAR(43) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  tenant VARCHAR(36) NOT NULL,
  url TEXT NOT NULL,
  created_ms BIGINT NOT NULL,
  PRIMARY KEY (token, kind)
);
CREATE INDEX classroom_callback_created ON classroom_callback (created_ms);

-- Calls to clients that have to come through: kept until they are answered, given up after some days. `line` is the SHA-256
-- of the address, whose calls keep their order; `id` that of the whole, so that the same twice is one. One that is done
-- stays for some minutes to tell repetitions.
CREATE TABLE classroom_outbox (
  number SERIAL_KEY,
  id VARCHAR(64) NOT NULL UNIQUE,
  line VARCHAR(64) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  tenant VARCHAR(36) NOT NULL,
  url TEXT NOT NULL,
  body TEXT NOT NULL,
  is_done SMALLINT NOT NULL,
  attempts BIGINT NOT NULL,
  due_ms BIGINT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE INDEX classroom_outbox_due ON classroom_outbox (is_done, due_ms);
CREATE INDEX classroom_outbox_line ON classroom_outbox (line, is_done, number);
