//! Who may call the routes of servers, meetings, tenants and secrets.

use axum::http::Method;
use portal::{Access, Role, RouteAccess};

pub(super) fn access() -> Vec<RouteAccess> {
    const TEACHER: Access = Access::Role(Role::Teacher);
    const OPERATOR: Access = Access::Role(Role::Operator);
    const ADMIN: Access = Access::Role(Role::Admin);
    let entry = RouteAccess::new;
    vec![
        entry(Method::GET, "/api/v1/conference", ADMIN),
        entry(Method::GET, "/api/v1/conference/servers", OPERATOR),
        entry(Method::POST, "/api/v1/conference/servers", OPERATOR),
        entry(Method::GET, "/api/v1/conference/servers/{id}", OPERATOR),
        entry(Method::PATCH, "/api/v1/conference/servers/{id}", OPERATOR),
        entry(Method::DELETE, "/api/v1/conference/servers/{id}", OPERATOR),
        entry(Method::POST, "/api/v1/conference/servers/{id}/panic", OPERATOR),
        entry(Method::GET, "/api/v1/conference/meetings", TEACHER),
        entry(Method::POST, "/api/v1/conference/meetings/end", TEACHER),
        entry(Method::GET, "/api/v1/conference/tenants/{tenant}", ADMIN),
        entry(Method::PUT, "/api/v1/conference/tenants/{tenant}", ADMIN),
        entry(Method::GET, "/api/v1/conference/secrets", ADMIN),
        entry(Method::POST, "/api/v1/conference/secrets", ADMIN).secret_answer(),
        entry(Method::DELETE, "/api/v1/conference/secrets/{id}", ADMIN),
        entry(Method::GET, "/api/v1/conference/usage", ADMIN),
        entry(Method::GET, "/api/v1/conference/capacity", OPERATOR),
        entry(Method::GET, "/conference", OPERATOR),
        entry(Method::POST, "/conference", OPERATOR),
        entry(Method::GET, "/conference/part", OPERATOR),
        entry(Method::POST, "/conference/servers/{id}/state", OPERATOR),
        entry(Method::POST, "/conference/servers/{id}/panic", OPERATOR),
        entry(Method::POST, "/conference/servers/{id}/remove", OPERATOR),
        entry(Method::POST, "/conference/meetings/end", OPERATOR),
        entry(Method::GET, "/conference/connect", ADMIN),
        entry(Method::POST, "/conference/connect", ADMIN),
        entry(Method::POST, "/conference/secrets/{id}/revoke", ADMIN),
        entry(Method::GET, "/conference/tenants/{tenant}", ADMIN),
        entry(Method::POST, "/conference/tenants/{tenant}", ADMIN),
    ]
}
