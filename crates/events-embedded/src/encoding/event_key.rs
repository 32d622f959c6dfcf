//! The key by which a repeated event is recognised: a keyed hash of its id, and the time in the id.

use super::keyed_hash::{IdKind, KeyedHash};
use super::uuid_time::uuid_time;

/// Identifies an event within its scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventKey {
    pub(crate) hash: u128,
    /// The time in the id in milliseconds, if the id is a UUID of version 7.
    pub(crate) time: Option<u64>,
}

impl EventKey {
    /// The key of an event id.
    pub(crate) fn of(hash: &KeyedHash, event_id: &str) -> Self {
        Self { hash: hash.of(IdKind::Event, event_id), time: uuid_time(event_id) }
    }

    /// The 64 bits that filters store.
    pub(crate) fn filter_key(&self) -> u64 {
        self.hash as u64
    }
}
