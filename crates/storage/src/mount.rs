//! The mount: a name space as a directory of this machine.

mod contents;
mod core;
mod data;
mod fuse;
mod node;
mod numbers;
mod opens;
mod tree;

#[cfg(test)]
mod tests;
