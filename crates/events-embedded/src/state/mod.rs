//! The state of the open store in memory: scopes, their segments and memtables, tombstones.

pub(crate) mod scope;
pub(crate) mod shared;
pub(crate) mod tombstones;
