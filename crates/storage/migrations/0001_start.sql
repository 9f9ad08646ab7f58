-- Numbers for inodes, stripes, stores and volumes, handed out in ranges.
CREATE TABLE storage_counter (
  name VARCHAR(16) NOT NULL PRIMARY KEY,
  next BIGINT NOT NULL
);
INSERT INTO storage_counter (name, next) VALUES ('number', 1);

-- Stores that agents announced, or buckets that an operator added.
CREATE TABLE storage_store (
  id BIGINT NOT NULL PRIMARY KEY,
  uuid VARCHAR(36) NOT NULL UNIQUE,
  kind VARCHAR(16) NOT NULL,
  node VARCHAR(36) NOT NULL,
  name VARCHAR(190) NOT NULL,
  addresses TEXT NOT NULL,
  labels TEXT NOT NULL,
  state VARCHAR(16) NOT NULL,
  health VARCHAR(16) NOT NULL,
  capacity_bytes BIGINT NOT NULL,
  used_bytes BIGINT NOT NULL,
  free_bytes BIGINT NOT NULL,
  units BIGINT NOT NULL,
  boot_id VARCHAR(64) NOT NULL,
  detail TEXT NOT NULL,
  announced_ms BIGINT NOT NULL,
  seen_ms BIGINT NOT NULL,
  created_ms BIGINT NOT NULL
);

CREATE TABLE storage_volume (
  id BIGINT NOT NULL PRIMARY KEY,
  name VARCHAR(63) NOT NULL UNIQUE,
  layout SMALLINT NOT NULL,
  labels TEXT NOT NULL,
  is_removed SMALLINT NOT NULL,
  created_ms BIGINT NOT NULL
);

-- Name spaces: exports, and their snapshots (parent: the export they were taken of).
CREATE TABLE storage_space (
  id BIGINT NOT NULL PRIMARY KEY,
  volume BIGINT NOT NULL,
  name VARCHAR(190) NOT NULL UNIQUE,
  parent BIGINT,
  tenant VARCHAR(36),
  owner VARCHAR(36),
  root BIGINT NOT NULL,
  used_bytes BIGINT NOT NULL,
  used_inodes BIGINT NOT NULL,
  bytes_soft BIGINT NOT NULL,
  bytes_hard BIGINT NOT NULL,
  inodes_hard BIGINT NOT NULL,
  epoch BIGINT NOT NULL,
  holder VARCHAR(36),
  wanted_ms BIGINT,
  is_removed SMALLINT NOT NULL,
  created_ms BIGINT NOT NULL
);

CREATE TABLE storage_session (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  space BIGINT NOT NULL,
  account VARCHAR(36) NOT NULL,
  what VARCHAR(190) NOT NULL,
  is_read_only SMALLINT NOT NULL,
  is_idle SMALLINT NOT NULL,
  until_ms BIGINT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE INDEX storage_session_space ON storage_session (space, until_ms);

-- Changes that a session has made, by numbers of its own: one that is sent again is not done again.
CREATE TABLE storage_applied (
  session VARCHAR(36) NOT NULL,
  number BIGINT NOT NULL,
  PRIMARY KEY (session, number)
);

CREATE TABLE storage_inode (
  space BIGINT NOT NULL,
  ino BIGINT NOT NULL,
  kind VARCHAR(16) NOT NULL,
  mode BIGINT NOT NULL,
  uid BIGINT NOT NULL,
  gid BIGINT NOT NULL,
  nlink BIGINT NOT NULL,
  size BIGINT NOT NULL,
  atime_ns BIGINT NOT NULL,
  mtime_ns BIGINT NOT NULL,
  ctime_ns BIGINT NOT NULL,
  target TEXT,
  device BIGINT NOT NULL,
  version BIGINT NOT NULL,
  PRIMARY KEY (space, ino)
);

-- Finds those that no name leads to.
CREATE INDEX storage_inode_nlink ON storage_inode (nlink);

CREATE TABLE storage_entry (
  space BIGINT NOT NULL,
  parent BIGINT NOT NULL,
  name VARCHAR(255) NOT NULL,
  ino BIGINT NOT NULL,
  PRIMARY KEY (space, parent, name)
);

CREATE INDEX storage_entry_ino ON storage_entry (space, ino);

-- The lists of stores that stripes are on, each once: "3,5,8", in the order of the units.
CREATE TABLE storage_set (
  id BIGINT NOT NULL PRIMARY KEY,
  stores VARCHAR(255) NOT NULL UNIQUE
);

CREATE TABLE storage_stripe (
  id BIGINT NOT NULL PRIMARY KEY,
  volume BIGINT NOT NULL,
  placed BIGINT NOT NULL,
  data SMALLINT NOT NULL,
  parity SMALLINT NOT NULL,
  element_bytes SMALLINT NOT NULL,
  bytes BIGINT NOT NULL
);
-- Has all that is counted, so that the rows are not read for it.
CREATE INDEX storage_stripe_placed ON storage_stripe (placed, volume, id, bytes);

-- Which stripe holds which piece of a file. One stripe may be in several name spaces: an export and its snapshots.
CREATE TABLE storage_piece (
  space BIGINT NOT NULL,
  ino BIGINT NOT NULL,
  number BIGINT NOT NULL,
  stripe BIGINT NOT NULL,
  PRIMARY KEY (space, ino, number)
);
CREATE INDEX storage_piece_stripe ON storage_piece (stripe);

-- Stripes that were taken out of a file, until the collector has looked whether anything else refers to them. Those that go have
-- nothing that does: their units are being deleted, and nobody cares for them any more.
CREATE TABLE storage_trash (
  stripe BIGINT NOT NULL PRIMARY KEY,
  since_ms BIGINT NOT NULL,
  goes SMALLINT NOT NULL DEFAULT 0
);

CREATE TABLE storage_xattr (
  space BIGINT NOT NULL,
  ino BIGINT NOT NULL,
  name VARCHAR(255) NOT NULL,
  value BYTES NOT NULL,
  PRIMARY KEY (space, ino, name)
);

-- Exports that operators want mounted on nodes.
CREATE TABLE storage_node_mount (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  node VARCHAR(36) NOT NULL,
  export VARCHAR(190) NOT NULL,
  directory VARCHAR(190) NOT NULL,
  is_read_only SMALLINT NOT NULL,
  is_wanted SMALLINT NOT NULL,
  is_mounted SMALLINT NOT NULL,
  detail TEXT NOT NULL,
  login VARCHAR(64) NOT NULL,
  token_id VARCHAR(36) NOT NULL,
  token TEXT NOT NULL,
  seen_ms BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  UNIQUE (node, directory)
);

-- How far the comparison of each store's units with their checksums has come.
CREATE TABLE storage_scrub (
  store BIGINT NOT NULL PRIMARY KEY,
  volume BIGINT NOT NULL,
  stripe BIGINT,
  unit BIGINT NOT NULL,
  begun_ms BIGINT NOT NULL,
  done_ms BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  damaged BIGINT NOT NULL
);

-- Units that a scrub found damaged or missing at a store, until they are repaired: who found them may end before. One of a
-- stripe without a row may belong to a write that goes on: it is deleted, and stays here from aside_ms on for when the row comes.
CREATE TABLE storage_damage (
  volume BIGINT NOT NULL,
  stripe BIGINT NOT NULL,
  unit BIGINT NOT NULL,
  store BIGINT NOT NULL,
  aside_ms BIGINT NOT NULL,
  PRIMARY KEY (stripe, unit, store)
);

-- Volumes that an operator wants rebuilt now, however short a time their stores have been away.
CREATE TABLE storage_rebuild (
  volume BIGINT NOT NULL PRIMARY KEY,
  asked_ms BIGINT NOT NULL
);

-- Volumes whose stores are being evened out.
CREATE TABLE storage_rebalance (
  volume BIGINT NOT NULL PRIMARY KEY,
  asked_ms BIGINT NOT NULL
);

-- Units that were moved from a store, until they are deleted there: whoever was reading them may finish.
CREATE TABLE storage_moved (
  stripe BIGINT NOT NULL,
  unit BIGINT NOT NULL,
  store BIGINT NOT NULL,
  volume BIGINT NOT NULL,
  since_ms BIGINT NOT NULL,
  PRIMARY KEY (stripe, unit, store)
);

-- How far what moves data about has come: a rebuild or a rebalance of a volume that goes on.
CREATE TABLE storage_work (
  kind VARCHAR(16) NOT NULL,
  volume BIGINT NOT NULL,
  begun_ms BIGINT NOT NULL,
  seen_ms BIGINT NOT NULL,
  done_bytes BIGINT NOT NULL,
  total_bytes BIGINT NOT NULL,
  PRIMARY KEY (kind, volume)
);

-- What operators set for all of storage; what is not there is as it was built.
CREATE TABLE storage_setting (
  name VARCHAR(32) NOT NULL PRIMARY KEY,
  setting BIGINT NOT NULL
);

-- Alerts that were told, until they are over: each by its code and the name or number of what it is about.
CREATE TABLE storage_alert (
  code VARCHAR(16) NOT NULL,
  subject VARCHAR(190) NOT NULL,
  tally BIGINT NOT NULL,
  since_ms BIGINT NOT NULL,
  PRIMARY KEY (code, subject)
);

-- Links by which one file can be downloaded without signing in, by the hash of the secret in them.
CREATE TABLE storage_share (
  hash VARCHAR(64) NOT NULL PRIMARY KEY,
  id VARCHAR(16) NOT NULL UNIQUE,
  space BIGINT NOT NULL,
  path TEXT NOT NULL,
  account VARCHAR(36) NOT NULL,
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL
);

-- Keys that S3 requests are signed with; the secret is sealed by a key outside the database.
CREATE TABLE storage_s3_key (
  id VARCHAR(20) NOT NULL PRIMARY KEY,
  account VARCHAR(36) NOT NULL,
  name VARCHAR(190) NOT NULL,
  secret TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE INDEX storage_s3_key_account ON storage_s3_key (account);

-- What sessions hold of files for the programs in their mounts: ranges of bytes, both ends included.
CREATE TABLE storage_lock (
  space BIGINT NOT NULL,
  ino BIGINT NOT NULL,
  session VARCHAR(36) NOT NULL,
  first_byte BIGINT NOT NULL,
  last_byte BIGINT NOT NULL,
  is_exclusive SMALLINT NOT NULL,
  PRIMARY KEY (space, ino, session, first_byte)
);
CREATE INDEX storage_lock_session ON storage_lock (session);
