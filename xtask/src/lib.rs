//! What `cargo xtask` does, apart from reading its command line.
//!
//! The library exists so that the benchmark (a target of its own) can share [`mod@bench`]'s arguments.
//! Only the commands that write generated files (`gen`, `data`) touch files outside the target folder.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to its terminal")]

pub mod abuse;
pub mod agents;
pub mod bench;
pub mod browser;
pub mod cargo;
pub mod checks;
pub mod clickhouse;
pub mod crash;
pub mod dashboard;
pub mod data;
pub mod debian;
pub mod node;
pub mod on_servers;
pub mod openapi;
pub mod oracle;
pub mod postgres;
pub mod python;
pub mod sdk;
pub mod segment;
mod server;
#[cfg(test)]
mod tidy;
