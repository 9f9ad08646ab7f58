-- The tables of `db` itself. IF NOT EXISTS, because they are made before there is a lease to make them under.

-- Who holds a single duty. The epoch grows with every change of owner and the row is never deleted.
CREATE TABLE IF NOT EXISTS db_lease (
  name VARCHAR(150) NOT NULL PRIMARY KEY,
  owner VARCHAR(150) NOT NULL,
  epoch BIGINT NOT NULL,
  until_ms BIGINT NOT NULL
);

-- The outbox: what other replicas have to hear of. Rows older than ten minutes are deleted.
CREATE TABLE IF NOT EXISTS db_event (
  id SERIAL_KEY,
  topic VARCHAR(200) NOT NULL,
  at_ms BIGINT NOT NULL
);

CREATE INDEX IF NOT EXISTS db_event_by_time ON db_event (at_ms);

-- The ids of committed writes, so that one repeated after a lost connection is not done twice.
CREATE TABLE IF NOT EXISTS db_write (
  id VARCHAR(32) NOT NULL PRIMARY KEY,
  at_ms BIGINT NOT NULL
);

CREATE INDEX IF NOT EXISTS db_write_by_time ON db_write (at_ms);

-- What has been run. `statements` counts those done of a migration under way; `done_ms` is set once all are.
CREATE TABLE IF NOT EXISTS db_migration (
  service VARCHAR(60) NOT NULL,
  name VARCHAR(100) NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  statements BIGINT NOT NULL,
  done_ms BIGINT,
  PRIMARY KEY (service, name)
);
