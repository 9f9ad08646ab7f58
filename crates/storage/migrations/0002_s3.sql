-- Keys that S3 requests are signed with; the secret is sealed by a key outside the database.
CREATE TABLE storage_s3_key (
  id VARCHAR(20) NOT NULL PRIMARY KEY,
  account VARCHAR(36) NOT NULL,
  name VARCHAR(190) NOT NULL,
  secret TEXT NOT NULL,
  created_ms BIGINT NOT NULL
);
CREATE INDEX storage_s3_key_account ON storage_s3_key (account);
