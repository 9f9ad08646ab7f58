//! Who may call the storage's routes. What somebody may do in one export is asked there (`service/export.rs`).

use axum::http::Method;
use portal::{Access, Role, RouteAccess};

/// The storage's entries of the access table.
pub fn access() -> Vec<RouteAccess> {
    use Access::{Public, SignedIn};
    const OPERATOR: Access = Access::Role(Role::Operator);
    const FILES: &str = "/api/v1/exports/{export}/files/{*path}";
    let entry = RouteAccess::new;
    vec![
        entry(Method::GET, "/api/v1/s3-keys", SignedIn),
        entry(Method::POST, "/api/v1/s3-keys", SignedIn).secret_answer(),
        entry(Method::DELETE, "/api/v1/s3-keys/{id}", SignedIn),
        entry(Method::GET, "/api/v1/volumes", SignedIn),
        entry(Method::POST, "/api/v1/volumes", OPERATOR),
        entry(Method::GET, "/api/v1/volumes/{volume}", SignedIn),
        entry(Method::DELETE, "/api/v1/volumes/{volume}", OPERATOR),
        entry(Method::GET, "/api/v1/exports", SignedIn),
        entry(Method::POST, "/api/v1/exports", OPERATOR),
        entry(Method::GET, "/api/v1/exports/{export}", SignedIn),
        entry(Method::PATCH, "/api/v1/exports/{export}", OPERATOR),
        entry(Method::DELETE, "/api/v1/exports/{export}", OPERATOR),
        entry(Method::GET, "/api/v1/exports/{export}/snapshots", SignedIn),
        entry(Method::POST, "/api/v1/exports/{export}/snapshots", SignedIn),
        entry(Method::DELETE, "/api/v1/exports/{export}/snapshots/{snapshot}", SignedIn),
        entry(Method::POST, "/api/v1/exports/{export}/snapshots/{snapshot}/restore", SignedIn),
        entry(Method::POST, "/api/v1/exports/{export}/sessions", SignedIn),
        entry(Method::PATCH, "/api/v1/exports/{export}/sessions/{id}", SignedIn),
        entry(Method::DELETE, "/api/v1/exports/{export}/sessions/{id}", SignedIn),
        entry(Method::POST, "/api/v1/exports/{export}/sessions/{id}/certificate", SignedIn).own_idempotency(),
        entry(Method::GET, "/api/v1/exports/{export}/sessions/{id}/wait", SignedIn),
        entry(Method::DELETE, "/api/v1/exports/{export}/sessions/{id}/delegation", SignedIn),
        entry(Method::POST, "/api/v1/exports/{export}/sessions/{id}/apply", SignedIn).own_idempotency(),
        entry(Method::POST, "/api/v1/exports/{export}/sessions/{id}/read", SignedIn).own_idempotency(),
        entry(Method::GET, "/api/v1/stores", OPERATOR),
        entry(Method::GET, "/api/v1/stores/{store}", OPERATOR),
        entry(Method::PATCH, "/api/v1/stores/{store}", OPERATOR),
        entry(Method::DELETE, "/api/v1/stores/{store}", OPERATOR),
        entry(Method::GET, "/api/v1/storage/health", OPERATOR),
        entry(Method::POST, "/api/v1/volumes/{volume}/scrub", OPERATOR),
        entry(Method::POST, "/api/v1/volumes/{volume}/rebuild", OPERATOR),
        entry(Method::GET, "/api/v1/exports/{export}/entries", SignedIn),
        entry(Method::GET, FILES, SignedIn),
        entry(Method::PUT, FILES, SignedIn).upload(),
        entry(Method::DELETE, FILES, SignedIn),
        entry(Method::POST, "/api/v1/exports/{export}/mkdir", SignedIn),
        entry(Method::POST, "/api/v1/exports/{export}/rename", SignedIn),
        entry(Method::POST, "/api/v1/exports/{export}/copy", SignedIn),
        entry(Method::GET, "/files", SignedIn),
        entry(Method::GET, "/files/{export}", SignedIn),
        entry(Method::POST, "/files/{export}", SignedIn),
        entry(Method::GET, "/files/{export}/{*path}", SignedIn),
        entry(Method::POST, "/files/{export}/{*path}", SignedIn),
        entry(Method::GET, "/shared/{secret}", Public),
        entry(Method::GET, "/volumes", OPERATOR),
        entry(Method::POST, "/volumes", OPERATOR),
        entry(Method::GET, "/volumes/part", OPERATOR),
        entry(Method::POST, "/stores/{id}/state", OPERATOR),
    ]
}
