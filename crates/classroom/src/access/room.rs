//! Who may call the routes of rooms. What somebody may do with one room is asked in `service/room.rs`.

use axum::http::Method;
use portal::{Access, Role, RouteAccess};

pub(super) fn access() -> Vec<RouteAccess> {
    use Access::SignedIn;
    const TEACHER: Access = Access::Role(Role::Teacher);
    let entry = RouteAccess::new;
    vec![
        entry(Method::GET, "/api/v1/rooms", SignedIn),
        entry(Method::POST, "/api/v1/rooms", TEACHER),
        entry(Method::GET, "/api/v1/rooms/{id}", SignedIn),
        entry(Method::PATCH, "/api/v1/rooms/{id}", TEACHER),
        entry(Method::DELETE, "/api/v1/rooms/{id}", TEACHER),
        entry(Method::POST, "/api/v1/rooms/{id}/start", SignedIn),
        entry(Method::POST, "/api/v1/rooms/{id}/end", TEACHER),
        entry(Method::POST, "/api/v1/rooms/{id}/join", SignedIn).secret_answer(),
        entry(Method::POST, "/api/v1/rooms/{id}/renew", TEACHER),
    ]
}
