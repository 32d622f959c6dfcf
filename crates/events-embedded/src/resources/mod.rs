//! What the store uses of its process: options, threads, time and memory of queries, the lock of
//! its directory.

pub(crate) mod counters;
pub(crate) mod directory_lock;
pub(crate) mod options;
pub(crate) mod priority;
pub(crate) mod query_context;
pub(crate) mod signal;
