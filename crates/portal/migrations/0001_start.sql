CREATE TABLE portal_tenant (
    tenant_id VARCHAR(36) NOT NULL PRIMARY KEY,
    name VARCHAR(64) NOT NULL UNIQUE,
    title VARCHAR(200) NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE TABLE portal_account (
    account_id VARCHAR(36) NOT NULL PRIMARY KEY,
    login VARCHAR(64) NOT NULL UNIQUE,
    name VARCHAR(200) NOT NULL,
    tenant_id VARCHAR(36) NOT NULL,
    role_name VARCHAR(16) NOT NULL,
    password_hash VARCHAR(255) NOT NULL,
    must_change SMALLINT NOT NULL,
    locale VARCHAR(8),
    disabled SMALLINT NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE INDEX portal_account_tenant ON portal_account (tenant_id, login);
CREATE TABLE portal_session (
    session_id VARCHAR(36) NOT NULL PRIMARY KEY,
    secret_hash VARCHAR(64) NOT NULL UNIQUE,
    account_id VARCHAR(36) NOT NULL,
    csrf VARCHAR(64) NOT NULL,
    created_ms BIGINT NOT NULL,
    last_seen_ms BIGINT NOT NULL,
    user_agent VARCHAR(255) NOT NULL,
    address VARCHAR(64) NOT NULL
);
CREATE INDEX portal_session_account ON portal_session (account_id);
CREATE INDEX portal_session_seen ON portal_session (last_seen_ms);
CREATE TABLE portal_token (
    token_id VARCHAR(36) NOT NULL PRIMARY KEY,
    secret_hash VARCHAR(64) NOT NULL UNIQUE,
    name VARCHAR(100) NOT NULL,
    account_id VARCHAR(36) NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT,
    last_used_ms BIGINT,
    user_agent VARCHAR(255) NOT NULL,
    address VARCHAR(64) NOT NULL,
    scope VARCHAR(190)
);
CREATE INDEX portal_token_account ON portal_token (account_id);
CREATE INDEX portal_token_used ON portal_token (last_used_ms);
CREATE TABLE portal_audit (
    audit_id VARCHAR(36) NOT NULL PRIMARY KEY,
    at_ms BIGINT NOT NULL,
    account_id VARCHAR(36) NOT NULL,
    login VARCHAR(64) NOT NULL,
    tenant_id VARCHAR(36) NOT NULL,
    deed VARCHAR(64) NOT NULL,
    target VARCHAR(200) NOT NULL,
    detail TEXT NOT NULL,
    request_id VARCHAR(64) NOT NULL
);
CREATE INDEX portal_audit_login ON portal_audit (login, audit_id);
CREATE INDEX portal_audit_deed ON portal_audit (deed, audit_id);
CREATE TABLE portal_idempotency (
    account_id VARCHAR(36) NOT NULL,
    idem_key VARCHAR(200) NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    created_ms BIGINT NOT NULL,
    status SMALLINT,
    content_type VARCHAR(100),
    location VARCHAR(255),
    body BYTES,
    PRIMARY KEY (account_id, idem_key)
);
CREATE INDEX portal_idempotency_age ON portal_idempotency (created_ms);
