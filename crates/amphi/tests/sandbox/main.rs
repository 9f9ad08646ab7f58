//! The fences around programs, each tried from inside, with the real helper. As root every test runs a second time as
//! `nobody`, who makes namespaces by user namespaces alone.

mod basics;
mod calls;
mod ends;
mod lesser;
mod limits;
mod network;
mod site;
mod view;
