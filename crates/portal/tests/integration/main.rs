//! The portal through its real router and a real database.
#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute, and these bodies are called by one")]

mod account;
mod app;
mod catalog;
mod conformance;
mod events;
mod idempotency;
mod layers;
mod pages;
mod roles;
mod sign_in;
mod token;
