//! Nouns of the lab, their states and transitions. No I/O.

pub mod batch;
pub(crate) mod command_line;
pub mod destination;
pub mod experiment;
mod id;
pub mod input;
pub mod job;
pub mod language;
pub mod node;
pub mod policy;
pub mod program;
pub mod refusal;
pub mod run;
pub mod tool;
pub mod turns;
pub mod work;
