//! The embedded event store: SQLite for new events, Parquet for older ones, queries over columns in
//! memory. One process owns its directory.
//!
//! A batch is written to the write-ahead log (`wal`) and to a memtable (`memtable`); `maintenance` flushes
//! memtables into immutable segments (`segment`) and merges those. A `query` reads a view of both through
//! cached `columns`. `state` is what they share in memory, and `store` implements the trait
//! [`EventStore`](millimetric_events::EventStore).

pub(crate) mod columns;
pub(crate) mod encoding;
pub(crate) mod maintenance;
pub(crate) mod memtable;
pub(crate) mod query;
pub(crate) mod resources;
pub(crate) mod segment;
pub(crate) mod state;
pub(crate) mod store;
pub(crate) mod wal;

#[cfg(test)]
mod tests;

pub use self::maintenance::adopt::adopt_hash_key;
pub use self::maintenance::backup::copy_at_rest;
pub use self::maintenance::inspect::{Inspected, inspect, is_older};
pub use self::maintenance::restore::{Learned, learn_erasures};
pub use self::resources::directory_lock::DirectoryLock;
pub use self::resources::options::{OpenError, Options};
pub use self::store::EmbeddedStore;
