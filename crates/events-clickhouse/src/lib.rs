//! The event store on a ClickHouse server, over its HTTP interface. Any number of processes can share one
//! database, since everything that they must agree on is in its tables.
//!
//! `client` talks to the server; `schema` has the tables, and `inspect` shows an operator how the servers are. `write` groups events and inserts them. A `query` reads
//! them, without those that are `hidden`. `maintenance` erases, expires and classifies again in the background.
//! `store` implements the trait [`EventStore`](millimetric_events::EventStore), and `movable` what moves its content
//! to another engine.

pub(crate) mod adopt;
pub(crate) mod client;
pub(crate) mod hidden;
pub(crate) mod inspect;
pub(crate) mod keys;
pub(crate) mod maintenance;
pub(crate) mod movable;
pub(crate) mod query;
pub mod schema;
pub(crate) mod sql;
pub(crate) mod store;
pub(crate) mod write;

#[cfg(test)]
mod tests;

pub use self::adopt::adopt_hash_key;
pub use self::client::TlsError;
pub use self::inspect::{ServerState, inspect};
pub use self::store::{ClickHouseStore, Options};
