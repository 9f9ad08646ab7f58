-- Pinned jobs, elements of batches among them, newest first.
CREATE INDEX lab_job_pinned ON lab_job (pinned, id) WHERE pinned = 1;
