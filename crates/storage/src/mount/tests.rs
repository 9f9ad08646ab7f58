//! The file system without the kernel, beside a directory of this machine: the same calls, the same answers.

mod faults;
mod kernel;
mod locks;
mod memory;
mod model;
mod oracle;
mod walk;
