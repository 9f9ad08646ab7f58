//! Accounts, sessions, page shell, errors to HTTP, audit.
