//! Who may call the routes of classrooms behind the portal's layers.

mod conference;
mod recording;
mod room;

use portal::RouteAccess;

/// The entries of the access table.
pub fn access() -> Vec<RouteAccess> {
    [conference::access(), recording::access(), room::access()].concat()
}
