//! Who may call the lab's routes.

use axum::http::Method;
use portal::{Access, Role, RouteAccess};

/// The lab's entries of the access table.
pub fn access() -> Vec<RouteAccess> {
    use Access::{Public, SignedIn};
    const OPERATOR: Access = Access::Role(Role::Operator);
    const TEACHER: Access = Access::Role(Role::Teacher);
    let entry = RouteAccess::new;
    vec![
        entry(Method::GET, "/api/v1/tools", SignedIn),
        entry(Method::GET, "/api/v1/jobs", SignedIn),
        entry(Method::POST, "/api/v1/jobs", SignedIn).own_idempotency(),
        entry(Method::GET, "/api/v1/jobs/{id}", SignedIn),
        entry(Method::PATCH, "/api/v1/jobs/{id}", SignedIn),
        entry(Method::DELETE, "/api/v1/jobs/{id}", SignedIn),
        entry(Method::POST, "/api/v1/jobs/{id}/cancel", SignedIn),
        entry(Method::POST, "/api/v1/jobs/{id}/retry", SignedIn),
        entry(Method::GET, "/api/v1/jobs/{id}/output", SignedIn),
        entry(Method::GET, "/api/v1/jobs/{id}/live", SignedIn),
        entry(Method::GET, "/api/v1/jobs/{id}/source", SignedIn),
        entry(Method::POST, "/api/v1/jobs/{id}/input", SignedIn),
        entry(Method::GET, "/api/v1/jobs/{id}/attach", SignedIn),
        entry(Method::GET, "/api/v1/languages", SignedIn),
        entry(Method::GET, "/api/v1/nodes", SignedIn),
        entry(Method::GET, "/api/v1/nodes/{node}", SignedIn),
        entry(Method::PATCH, "/api/v1/nodes/{node}", OPERATOR),
        entry(Method::DELETE, "/api/v1/nodes/{node}", OPERATOR),
        entry(Method::POST, "/api/v1/node-tokens", OPERATOR).secret_answer(),
        entry(Method::GET, "/api/v1/policy", OPERATOR),
        entry(Method::PUT, "/api/v1/policy", OPERATOR),
        entry(Method::GET, "/api/v1/status", Public),
        entry(Method::GET, "/", Public),
        entry(Method::GET, "/lab", SignedIn),
        entry(Method::GET, "/lab/rows", SignedIn),
        entry(Method::GET, "/lab/new", SignedIn),
        entry(Method::GET, "/lab/form", SignedIn),
        entry(Method::POST, "/lab/check", SignedIn),
        entry(Method::POST, "/lab/new", SignedIn),
        entry(Method::GET, "/lab/jobs/{id}", SignedIn),
        entry(Method::GET, "/lab/jobs/{id}/part", SignedIn),
        entry(Method::POST, "/lab/jobs/{id}/again", SignedIn),
        entry(Method::POST, "/lab/jobs/{id}/retry", SignedIn),
        entry(Method::POST, "/lab/jobs/{id}/cancel", SignedIn),
        entry(Method::POST, "/lab/jobs/{id}/rename", SignedIn),
        entry(Method::POST, "/lab/jobs/{id}/pin", TEACHER),
        entry(Method::POST, "/lab/jobs/{id}/share", SignedIn),
        entry(Method::POST, "/lab/jobs/{id}/delete", SignedIn),
        entry(Method::GET, "/programs", SignedIn),
        entry(Method::GET, "/programs/rows", SignedIn),
        entry(Method::GET, "/programs/new", SignedIn),
        entry(Method::POST, "/programs/new", SignedIn),
        entry(Method::POST, "/programs/unzip", SignedIn),
        entry(Method::GET, "/programs/{id}/result", SignedIn),
        entry(Method::GET, "/nodes", SignedIn),
        entry(Method::GET, "/nodes/rows", SignedIn),
        entry(Method::GET, "/nodes/new", OPERATOR),
        entry(Method::POST, "/nodes/new", OPERATOR),
        entry(Method::GET, "/nodes/{node}", SignedIn),
        entry(Method::POST, "/nodes/{node}/state", OPERATOR),
        entry(Method::POST, "/nodes/{node}/edit", OPERATOR),
        entry(Method::POST, "/nodes/{node}/remove", OPERATOR),
        entry(Method::GET, "/status", Public),
        entry(Method::GET, "/status/part", Public),
        entry(Method::GET, "/admin/policy", OPERATOR),
        entry(Method::POST, "/admin/policy", OPERATOR),
    ]
}
