//! Real servers for tests: each has a free port of this machine and a temporary folder, and ends with the value
//! that holds it, or with the process.
//!
//! [`Proxy`] is a network that fails between a program and such a server, and [`Disk`] a disk that can be full.
//!
//! Used by tests only. A server that this machine does not have is [`StartError::Missing`]: such a test says so
//! and proves nothing, except in continuous integration, where it fails.

mod clickhouse;
mod disk;
mod postgres;
mod process;
mod proxy;

pub use clickhouse::ClickHouse;
pub use disk::Disk;
pub use postgres::Postgres;
pub use proxy::{Network, Proxy};

/// Why a server did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The machine does not have the program; the sentence says how to get it.
    #[error("{0}")]
    Missing(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// The server; `None`, and the reason on standard output, if this machine does not have it.
///
/// Panics if the server does not start for another reason, and in continuous integration (`CI` in the environment).
#[allow(clippy::print_stdout, reason = "a test that proves nothing must say so")]
pub fn or_skip<S>(started: Result<S, StartError>) -> Option<S> {
    match started {
        Ok(server) => Some(server),
        Err(StartError::Missing(reason)) if std::env::var_os("CI").is_none() => {
            println!("skipped: {reason}");
            None
        }
        Err(error) => panic!("the server did not start: {error}"),
    }
}
