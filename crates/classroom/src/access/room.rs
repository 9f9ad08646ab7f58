//! Who may call the routes of rooms. What somebody may do with one room is asked in `service/room.rs`.

use axum::http::Method;
use portal::{Access, Role, RouteAccess};

pub(super) fn access() -> Vec<RouteAccess> {
    use Access::{Public, SignedIn};
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
        entry(Method::GET, "/classrooms", SignedIn),
        entry(Method::POST, "/classrooms", TEACHER),
        entry(Method::GET, "/classrooms/part", SignedIn),
        entry(Method::GET, "/classrooms/new", TEACHER),
        entry(Method::GET, "/classrooms/{id}", SignedIn),
        entry(Method::POST, "/classrooms/{id}", TEACHER),
        entry(Method::GET, "/classrooms/{id}/part", SignedIn),
        entry(Method::GET, "/classrooms/{id}/edit", TEACHER),
        entry(Method::POST, "/classrooms/{id}/enter", SignedIn),
        entry(Method::POST, "/classrooms/{id}/end", TEACHER),
        entry(Method::POST, "/classrooms/{id}/renew", TEACHER),
        entry(Method::POST, "/classrooms/{id}/delete", TEACHER),
        // People who leave a meeting come here, whoever they are.
        entry(Method::GET, "/classrooms/{id}/left", Public),
        // The invitation is what admits.
        entry(Method::GET, "/join/{invitation}", Public),
        entry(Method::POST, "/join/{invitation}", Public),
        entry(Method::GET, "/join/{invitation}/part", Public),
    ]
}
