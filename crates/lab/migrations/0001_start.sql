-- Nodes, and the tokens that enrol them.
CREATE TABLE lab_node (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  name VARCHAR(63) NOT NULL UNIQUE,
  state VARCHAR(16) NOT NULL,
  slots BIGINT NOT NULL,
  labels TEXT NOT NULL,
  inventory TEXT NOT NULL,
  tools TEXT NOT NULL,
  connected SMALLINT NOT NULL,
  replica VARCHAR(64) NOT NULL,
  epoch BIGINT NOT NULL,
  boot_id VARCHAR(64) NOT NULL,
  last_seen_ms BIGINT NOT NULL,
  created_ms BIGINT NOT NULL
);

CREATE TABLE lab_node_token (
  secret_hash VARCHAR(64) NOT NULL PRIMARY KEY,
  created_by VARCHAR(36) NOT NULL,
  created_ms BIGINT NOT NULL,
  expires_ms BIGINT NOT NULL,
  used_ms BIGINT
);

-- Jobs. What a list shows stands in the row itself.
CREATE TABLE lab_job (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  tenant VARCHAR(36) NOT NULL,
  account VARCHAR(36) NOT NULL,
  owner VARCHAR(190) NOT NULL,
  name VARCHAR(190) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  tool VARCHAR(32) NOT NULL,
  spec TEXT NOT NULL,
  source VARCHAR(64),
  command TEXT NOT NULL,
  wanted_node VARCHAR(36),
  wanted_labels TEXT,
  far_node VARCHAR(36),
  node VARCHAR(63),
  state VARCHAR(16) NOT NULL,
  reason VARCHAR(32),
  detail TEXT,
  pinned SMALLINT NOT NULL,
  shared SMALLINT NOT NULL,
  attempt BIGINT NOT NULL,
  is_cancelled SMALLINT NOT NULL,
  batch VARCHAR(36),
  batch_index BIGINT,
  exit_code BIGINT,
  cpu_ms BIGINT,
  memory_peak_bytes BIGINT,
  created_ms BIGINT NOT NULL,
  started_ms BIGINT,
  completed_ms BIGINT,
  -- Drawn anew by each Write that ends jobs, so that it counts those that it ended itself.
  ended_in BIGINT,
  idempotency VARCHAR(190)
);
CREATE UNIQUE INDEX lab_job_idempotency ON lab_job (account, idempotency) WHERE idempotency IS NOT NULL;
CREATE INDEX lab_job_account ON lab_job (account, batch, pinned, id) WHERE batch IS NULL;
CREATE INDEX lab_job_account_state ON lab_job (account, state) WHERE state = 'waiting';
CREATE INDEX lab_job_tenant ON lab_job (tenant, batch, pinned, id) WHERE batch IS NULL;
CREATE INDEX lab_job_batch ON lab_job (batch, pinned, id);
CREATE INDEX lab_job_element ON lab_job (batch, batch_index) WHERE batch IS NOT NULL;
-- Pinned jobs, elements of batches among them, newest first.
CREATE INDEX lab_job_pinned ON lab_job (pinned, id) WHERE pinned = 1;
CREATE INDEX lab_job_source ON lab_job (source) WHERE source IS NOT NULL;

CREATE TABLE lab_source (
  digest VARCHAR(64) NOT NULL PRIMARY KEY,
  data BYTES NOT NULL,
  used_ms BIGINT NOT NULL
);

-- Batches. An element becomes a job only when a slot takes it; `taken` says how many were taken. What the table of jobs
-- says of a job stands here once for all elements.
CREATE TABLE lab_batch (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  tenant VARCHAR(36) NOT NULL,
  account VARCHAR(36) NOT NULL,
  owner VARCHAR(190) NOT NULL,
  name VARCHAR(190) NOT NULL,
  kind VARCHAR(16) NOT NULL,
  tool VARCHAR(32) NOT NULL,
  spec TEXT NOT NULL,
  args TEXT,
  source VARCHAR(64),
  command TEXT NOT NULL,
  wanted_node VARCHAR(36),
  wanted_labels TEXT,
  first_index BIGINT NOT NULL,
  elements BIGINT NOT NULL,
  has_parameters SMALLINT NOT NULL,
  has_inputs SMALLINT NOT NULL,
  is_each_node SMALLINT NOT NULL,
  taken BIGINT NOT NULL,
  is_open SMALLINT NOT NULL,
  is_cancelled SMALLINT NOT NULL,
  -- Its own node was removed before all elements were taken.
  is_stranded SMALLINT NOT NULL,
  -- It is being deleted piece by piece; nobody sees it any more.
  is_deleted SMALLINT NOT NULL,
  created_ms BIGINT NOT NULL,
  request VARCHAR(64) NOT NULL,
  idempotency VARCHAR(190)
);
CREATE UNIQUE INDEX lab_batch_idempotency ON lab_batch (account, idempotency);
CREATE INDEX lab_batch_account ON lab_batch (account, id);
CREATE INDEX lab_batch_tenant ON lab_batch (tenant, id);
CREATE INDEX lab_batch_open ON lab_batch (is_open, id);
CREATE INDEX lab_batch_deleted ON lab_batch (is_deleted, id) WHERE is_deleted = 1;
CREATE INDEX lab_batch_source ON lab_batch (source);

-- Parameters or inputs of a batch's elements, many in a row.
CREATE TABLE lab_batch_block (
  batch VARCHAR(36) NOT NULL,
  first_element BIGINT NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (batch, first_element)
);

-- How many elements of a batch ended how. Apart from the batch, since taking elements and ending them go on at once.
CREATE TABLE lab_batch_tally (
  batch VARCHAR(36) NOT NULL PRIMARY KEY,
  done BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  cancelled BIGINT NOT NULL,
  last_ms BIGINT NOT NULL
);

-- One row for each account that has a quota: what it submitted since its hour began. Each submission changes it, so that
-- those of one account are counted one after another.
CREATE TABLE lab_submitter (
  account VARCHAR(36) NOT NULL PRIMARY KEY,
  hour_began_ms BIGINT NOT NULL,
  submissions BIGINT NOT NULL,
  elements BIGINT NOT NULL
);

-- Accounts that were removed and whose jobs are still to be cleared away.
CREATE TABLE lab_leaver (
  account VARCHAR(36) NOT NULL PRIMARY KEY
);

-- Attempts of jobs, and the far ends of measurements.
CREATE TABLE lab_run (
  id VARCHAR(36) NOT NULL PRIMARY KEY,
  job VARCHAR(36) NOT NULL,
  attempt BIGINT NOT NULL,
  role VARCHAR(8) NOT NULL,
  wanted_node VARCHAR(36),
  node VARCHAR(36),
  node_name VARCHAR(63),
  state VARCHAR(16) NOT NULL,
  reason VARCHAR(32),
  detail TEXT,
  epoch BIGINT NOT NULL,
  port BIGINT,
  argv TEXT,
  exit_code BIGINT,
  cpu_ms BIGINT,
  memory_peak_bytes BIGINT,
  fences TEXT,
  input_seq BIGINT NOT NULL,
  created_ms BIGINT NOT NULL,
  started_ms BIGINT,
  ended_ms BIGINT
);
CREATE INDEX lab_run_queue ON lab_run (state, wanted_node, id) WHERE state = 'waiting';
CREATE INDEX lab_run_waiting ON lab_run (state, id) WHERE state = 'waiting';
CREATE UNIQUE INDEX lab_run_attempt ON lab_run (job, attempt, role);
CREATE INDEX lab_run_node ON lab_run (node, state) WHERE state IN ('leased', 'running');

CREATE TABLE lab_output (
  run VARCHAR(36) NOT NULL,
  seq BIGINT NOT NULL,
  channel SMALLINT NOT NULL,
  at_ms BIGINT NOT NULL,
  data BYTES NOT NULL,
  PRIMARY KEY (run, seq)
);

-- What people do at running programs, until the program's node has it. What an act holds depends on its kind.
CREATE TABLE lab_input (
  run VARCHAR(36) NOT NULL,
  seq BIGINT NOT NULL,
  kind VARCHAR(16) NOT NULL,
  data BYTES NOT NULL,
  PRIMARY KEY (run, seq)
);

-- One row: what operators allow.
CREATE TABLE lab_policy (
  id VARCHAR(16) NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL,
  document TEXT NOT NULL
);
