//! Who may call the portal's own routes.

use axum::http::Method;

use crate::http::access::{Access, RouteAccess};
use crate::model::role::Role;

/// The portal's entries of the access table.
pub fn access() -> Vec<RouteAccess> {
    const ADMIN: Access = Access::Role(Role::Admin);
    const OPERATOR: Access = Access::Role(Role::Operator);
    use Access::{Public, SignedIn};
    let entry = RouteAccess::new;
    vec![
        entry(Method::GET, "/static/{hash}/{file}", Public),
        entry(Method::GET, "/health", Public),
        entry(Method::GET, "/ready", Public),
        // The handler asks for an operator unless the configuration makes it public.
        entry(Method::GET, "/metrics", Public),
        entry(Method::GET, "/events", SignedIn),
        entry(Method::GET, "/sign-in", Public),
        entry(Method::POST, "/sign-in", Public),
        entry(Method::POST, "/sign-out", SignedIn),
        entry(Method::POST, "/preferences", Public),
        entry(Method::GET, "/account", SignedIn),
        entry(Method::POST, "/account/profile", SignedIn),
        entry(Method::POST, "/account/password", SignedIn),
        entry(Method::POST, "/account/tokens", SignedIn),
        entry(Method::POST, "/account/tokens/{id}/delete", SignedIn),
        entry(Method::POST, "/account/sessions/{id}/end", SignedIn),
        entry(Method::GET, "/admin/accounts", ADMIN),
        entry(Method::POST, "/admin/accounts", ADMIN),
        entry(Method::GET, "/admin/accounts/new", ADMIN),
        entry(Method::GET, "/admin/accounts/{id}", ADMIN),
        entry(Method::POST, "/admin/accounts/{id}", ADMIN),
        entry(Method::POST, "/admin/accounts/{id}/password", ADMIN),
        entry(Method::POST, "/admin/accounts/{id}/delete", ADMIN),
        entry(Method::GET, "/admin/tenants", ADMIN),
        entry(Method::POST, "/admin/tenants", ADMIN),
        entry(Method::POST, "/admin/tenants/{id}", ADMIN),
        entry(Method::POST, "/admin/tenants/{id}/delete", ADMIN),
        entry(Method::GET, "/admin/journal", OPERATOR),
        entry(Method::GET, "/clients", OPERATOR),
        entry(Method::GET, "/clients/rows", OPERATOR),
        entry(Method::POST, "/clients/{id}/end", OPERATOR),
        entry(Method::GET, "/api/v1/openapi.json", Public),
        entry(Method::GET, "/api/v1/me", SignedIn),
        entry(Method::PATCH, "/api/v1/me", SignedIn),
        entry(Method::POST, "/api/v1/me/password", SignedIn),
        entry(Method::GET, "/api/v1/accounts", ADMIN),
        entry(Method::POST, "/api/v1/accounts", ADMIN).secret_answer(),
        entry(Method::GET, "/api/v1/accounts/{id}", ADMIN),
        entry(Method::PATCH, "/api/v1/accounts/{id}", ADMIN),
        entry(Method::DELETE, "/api/v1/accounts/{id}", ADMIN),
        entry(Method::POST, "/api/v1/accounts/{id}/password", ADMIN).secret_answer(),
        entry(Method::GET, "/api/v1/tenants", ADMIN),
        entry(Method::POST, "/api/v1/tenants", ADMIN),
        entry(Method::GET, "/api/v1/tenants/{id}", ADMIN),
        entry(Method::PATCH, "/api/v1/tenants/{id}", ADMIN),
        entry(Method::DELETE, "/api/v1/tenants/{id}", ADMIN),
        entry(Method::GET, "/api/v1/tokens", SignedIn),
        entry(Method::POST, "/api/v1/tokens", SignedIn).secret_answer(),
        entry(Method::DELETE, "/api/v1/tokens/{id}", SignedIn),
        entry(Method::GET, "/api/v1/audit", OPERATOR),
        entry(Method::GET, "/api/v1/clients", OPERATOR),
        entry(Method::GET, "/api/v1/sessions", SignedIn),
        entry(Method::POST, "/api/v1/sessions", Public).secret_answer(),
        entry(Method::DELETE, "/api/v1/sessions/{id}", SignedIn),
    ]
}
