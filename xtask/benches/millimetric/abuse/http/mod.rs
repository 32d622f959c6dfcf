//! HTTP as the campaign speaks it: requests that can be taken apart before they are written, and
//! connections from a chosen loopback address that read whatever comes back.
//!
//! Every operation has a deadline. Nothing here connects to any other machine.

mod connection;
mod draft;
mod response;

use std::time::Duration;

pub(crate) use self::connection::{Connection, PATIENCE, addresses};
pub(crate) use self::draft::Draft;
pub(crate) use self::response::Response;

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Lost {
    /// No connection came about.
    #[error("no connection: {0}")]
    Connect(String),
    /// The server closed the connection first.
    #[error("the connection was closed before the response")]
    Closed,
    /// Nothing came in time.
    #[error("no response within {0:?}")]
    Late(Duration),
    /// What came is not HTTP.
    #[error("the response is not HTTP: {0}")]
    Malformed(String),
}
