//! What stands around every handler: access, CSRF, limits, headers, errors as pages, metrics.

pub(crate) mod access;
pub(crate) mod admit;
pub(crate) mod cookies;
pub(crate) mod csrf;
pub(crate) mod events;
pub(crate) mod extract;
pub(crate) mod health;
pub(crate) mod idempotency;
pub(crate) mod layers;
pub(crate) mod observe;
pub(crate) mod render;
pub(crate) mod table;
mod wrong_value;
