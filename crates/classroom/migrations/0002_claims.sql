-- Grows with each meeting of a tenant that may have only so many: who makes one holds the row until its meeting is written,
-- so that two at once don't both count without the other.
ALTER TABLE classroom_tenant ADD COLUMN claims BIGINT NOT NULL DEFAULT 0;
