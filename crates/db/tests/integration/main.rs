//! The database crate through its public face.
mod smoke;
