//! Who may call the storage's routes.

use axum::http::Method;
use portal::{Access, RouteAccess};

/// The storage's entries of the access table.
pub fn access() -> Vec<RouteAccess> {
    use Access::SignedIn;
    let entry = RouteAccess::new;
    vec![
        entry(Method::GET, "/api/v1/s3-keys", SignedIn),
        entry(Method::POST, "/api/v1/s3-keys", SignedIn).secret_answer(),
        entry(Method::DELETE, "/api/v1/s3-keys/{id}", SignedIn),
    ]
}
