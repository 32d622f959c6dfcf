//! Assigns dense numbers to the visitors of a scope, so that distinct visitors are counted with bitmaps.
//!
//! The table exists only in memory, and is filled by the first query that counts visitors. A visitor is
//! identified by the 64-bit keyed hash of `anonymous_id`: among five million visitors, the probability of a
//! collision is below one in a million.

use hashbrown::HashTable;
use parking_lot::Mutex;

/// Visitors, numbered from 0 in order of their first lookup.
#[derive(Debug)]
pub(crate) struct VisitorTable {
    /// Distinguishes the tables of a scope: numbers of different generations are not comparable.
    pub(crate) generation: u64,
    numbers: Mutex<HashTable<(u64, u32)>>,
}

impl VisitorTable {
    pub(crate) fn new(generation: u64) -> Self {
        Self { generation, numbers: Mutex::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.lock().len()
    }

    /// Returns the number of a visitor; assigns the next number to a new one.
    pub(crate) fn number(&self, hash: u64) -> u32 {
        let mut numbers = self.numbers.lock();
        let next = numbers.len() as u32;
        numbers.entry(hash, |entry| entry.0 == hash, |entry| entry.0).or_insert((hash, next)).get().1
    }
}
