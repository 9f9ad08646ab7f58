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
