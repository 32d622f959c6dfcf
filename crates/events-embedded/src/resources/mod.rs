//! Options, the limits of queries (threads, time, memory), signals and priorities of threads, metrics, and
//! the directory lock.

pub(crate) mod counters;
pub(crate) mod directory_lock;
pub(crate) mod options;
pub(crate) mod priority;
pub(crate) mod query_context;
pub(crate) mod signal;
