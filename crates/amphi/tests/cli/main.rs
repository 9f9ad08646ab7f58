//! The command line against a server that answers as a test tells it to: what is sent, what is printed, how it exits.

mod commands;
mod fake_server;
mod login;
mod program;
mod run;
mod trust;
