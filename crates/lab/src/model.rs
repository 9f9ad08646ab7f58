//! Nouns of the lab, their states and transitions. No I/O.

pub mod destination;
pub mod experiment;
pub mod job;
pub mod node;
pub mod policy;
pub mod refusal;
pub mod run;
pub mod tool;
