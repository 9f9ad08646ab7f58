//! The nouns of classrooms: no I/O.

pub(crate) mod capacity;
pub(crate) mod checksum;
pub(crate) mod cost;
pub(crate) mod dial_plan;
pub(crate) mod health;
pub(crate) mod hook;
pub(crate) mod jwt;
pub(crate) mod meeting;
pub(crate) mod metadata;
pub(crate) mod outbox;
pub(crate) mod parameters;
pub(crate) mod recording;
pub(crate) mod room;
pub(crate) mod server;
pub(crate) mod tenant;
pub(crate) mod token;
pub(crate) mod usage;
pub(crate) mod voice_bridge;
