//! What the tests stand on: database engines on private sockets, one suite for every engine, a link that breaks, a
//! manual clock, the built program as processes, simulated agents, a conference server, a browser.

pub use db;
pub use rehearsal as conference;

pub mod amphi;
pub mod browser;
pub mod clock;
pub mod conformance;
pub mod engine;
pub mod link;
pub mod sim;
