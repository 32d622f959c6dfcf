//! The event ids of a scope's memtable as exact sets, for deduplication against events that are not
//! yet in a segment.

use hashbrown::HashTable;

/// A set of event keys. Keys are keyed hashes already, so the table uses their low 64 bits as the hash.
#[derive(Debug, Default)]
pub(crate) struct IdSet(HashTable<u128>);

impl IdSet {
    pub(crate) fn contains(&self, id: u128) -> bool {
        self.0.find(id as u64, |known| *known == id).is_some()
    }

    /// Adds an id and returns whether it is new.
    pub(crate) fn insert(&mut self, id: u128) -> bool {
        let entry = self.0.entry(id as u64, |known| *known == id, |known| *known as u64);
        let new = matches!(entry, hashbrown::hash_table::Entry::Vacant(_));
        entry.or_insert(id);
        new
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &u128> {
        self.0.iter()
    }
}

/// The ids of a scope's memtable: those that are being flushed, and those that arrived since.
#[derive(Debug, Default)]
pub(crate) struct RecentIds {
    active: IdSet,
    flushing: Vec<IdSet>,
}

impl RecentIds {
    /// An empty set with capacity for `count` ids.
    pub(crate) fn with_capacity(count: usize) -> Self {
        Self { active: IdSet(HashTable::with_capacity(count)), flushing: Vec::new() }
    }

    pub(crate) fn contains(&self, id: u128) -> bool {
        self.active.contains(id) || self.flushing.iter().any(|set| set.contains(id))
    }

    pub(crate) fn extend<'a>(&mut self, ids: impl ExactSizeIterator<Item = &'a u128>) {
        self.active.0.reserve(ids.len(), |known| *known as u64);
        for id in ids {
            self.active.insert(*id);
        }
    }

    /// Moves the ids to those that are being flushed.
    pub(crate) fn begin_flush(&mut self) {
        if !self.active.0.is_empty() {
            self.flushing.push(std::mem::take(&mut self.active));
        }
    }

    /// Drops the flushed ids: the filters of their segments cover them now.
    pub(crate) fn end_flush(&mut self) {
        self.flushing.clear();
    }
}
