//! Dense numbers for a scope's visitors, so that distinct counts are bitmaps.
//!
//! In memory only, and only for scopes that are asked for visitors. A number is given to the
//! 64-bit keyed hash of an `anonymous_id`; two of five million visitors share one with a
//! probability below one in a million.

use hashbrown::HashTable;
use parking_lot::Mutex;

/// Visitors numbered from 0 in the order in which they were met.
#[derive(Debug)]
pub(crate) struct VisitorTable {
    /// Which table this is: numbers of different tables never mix.
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

    /// The visitor's number, a new one for a new visitor.
    pub(crate) fn number(&self, hash: u64) -> u32 {
        let mut numbers = self.numbers.lock();
        let next = numbers.len() as u32;
        numbers.entry(hash, |entry| entry.0 == hash, |entry| entry.0).or_insert((hash, next)).get().1
    }
}
