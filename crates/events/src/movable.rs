//! What moves the content of a store to another engine: the erasures and retention watermarks, which are no events,
//! and a way in for events that are known to be new.

use std::fmt;

use async_trait::async_trait;
use millimetric_core::event::{Event, EventScope};
use millimetric_core::ids::ErasureId;
use millimetric_core::time::Timestamp;

use crate::{EventStore, StoreError};

/// A store whose content can be moved to another one.
#[async_trait]
pub trait MovableStore: EventStore {
    /// Periods that together contain all events of a scope, each as its first and its last time. They may overlap,
    /// and a period may contain no event.
    async fn periods(&self, scope: EventScope) -> Result<Vec<(Timestamp, Timestamp)>, StoreError>;

    /// Everything that was deleted, and must not come back.
    async fn deletions(&self) -> Result<Deletions, StoreError>;

    /// Takes over what was deleted in another store with the same hash key. Once it returns, no response contains
    /// such an event, and none that arrives later is stored. Erasures that the store knows are left as they are.
    async fn take_deletions(&self, deletions: &Deletions) -> Result<(), StoreError>;

    /// Stores events, and returns how many. The caller knows that the scope has none of them and that each occurs
    /// once: no id is looked up. Events of a person who was erased after their timestamp are left out. If it fails,
    /// some of them may be stored.
    async fn load(&self, scope: EventScope, events: Vec<Event>) -> Result<u64, StoreError>;
}

/// The key of a store for the hashes by which people are erased. Stores with the same key have the same hashes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashKey(pub [u8; 16]);

/// Without the key, with which ids can be guessed.
impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashKey(…)")
    }
}

/// What was deleted in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletions {
    /// The key of the hashes.
    pub hash_key: HashKey,
    /// All erasures, finished ones included.
    pub erasures: Vec<ErasedPerson>,
    /// The retention watermarks.
    pub watermarks: Vec<Watermark>,
}

/// An erasure as stores keep it: keyed hashes, no ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedPerson {
    /// The id of the request.
    pub id: ErasureId,
    /// Whose events.
    pub scope: EventScope,
    /// Whether the subject is a user; a visitor otherwise.
    pub is_user: bool,
    /// The hash of the subject.
    pub subject: u128,
    /// Whether linked visitors are erased too.
    pub include_linked: bool,
    /// The hashes of the linked visitors.
    pub linked: Vec<u128>,
    /// Events before this time are erased.
    pub at: Timestamp,
    /// Number of events removed from disk.
    pub events_deleted: u64,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

/// The retention watermark of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// Whose events.
    pub scope: EventScope,
    /// Earlier events have expired; `None` if the scope was deleted.
    pub before: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", HashKey([7; 16])), "HashKey(…)");
    }
}
