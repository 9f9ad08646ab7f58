//! Who may call the storage's routes.

use portal::RouteAccess;

/// The storage's entries of the access table.
pub fn access() -> Vec<RouteAccess> {
    Vec::new()
}
