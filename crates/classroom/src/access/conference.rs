//! Who may call the routes of servers, meetings, tenants and secrets.

use portal::RouteAccess;

pub(super) fn access() -> Vec<RouteAccess> {
    Vec::new()
}
