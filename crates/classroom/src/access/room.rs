//! Who may call the routes of rooms.

use portal::RouteAccess;

pub(super) fn access() -> Vec<RouteAccess> {
    Vec::new()
}
