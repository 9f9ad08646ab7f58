//! Who may call the routes of recordings.

use portal::RouteAccess;

pub(super) fn access() -> Vec<RouteAccess> {
    Vec::new()
}
