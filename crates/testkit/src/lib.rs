//! What the tests stand on: database engines on private sockets, one suite for every engine, a link that
//! breaks, a manual clock.

pub use db;

pub mod clock;
pub mod conformance;
pub mod engine;
pub mod link;
