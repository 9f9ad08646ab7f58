//! Who may call the routes of recordings. Teachers see their tenant's alone, which `service/recording.rs` asks.

use axum::http::Method;
use portal::{Access, Role, RouteAccess};

pub(super) fn access() -> Vec<RouteAccess> {
    const TEACHER: Access = Access::Role(Role::Teacher);
    const OPERATOR: Access = Access::Role(Role::Operator);
    let entry = RouteAccess::new;
    vec![
        entry(Method::GET, "/api/v1/conference/recordings", TEACHER),
        entry(Method::GET, "/api/v1/conference/recordings/{id}", TEACHER),
        entry(Method::PATCH, "/api/v1/conference/recordings/{id}", TEACHER),
        entry(Method::DELETE, "/api/v1/conference/recordings/{id}", TEACHER),
        entry(Method::GET, "/api/v1/conference/quarantine", OPERATOR),
        entry(Method::POST, "/api/v1/conference/uploads", OPERATOR),
        entry(Method::GET, "/api/v1/conference/uploads/{id}", OPERATOR),
        entry(Method::PATCH, "/api/v1/conference/uploads/{id}", OPERATOR).upload(),
        entry(Method::DELETE, "/api/v1/conference/uploads/{id}", OPERATOR),
        entry(Method::POST, "/api/v1/conference/uploads/{id}/finish", OPERATOR).upload(),
        entry(Method::GET, "/recordings", TEACHER),
        entry(Method::POST, "/recordings/{id}", TEACHER),
    ]
}
