//! The sessions of a chunk: numbered within the chunk, each with its entry row, its exit row, and a hash
//! by which chunks find the sessions that they share. `query::sessions` counts them.

use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::columns::session_bounds::SessionBounds;
use crate::encoding::frame_of_reference::{FrameOfReference, NO_NUMBER};
use crate::encoding::heap_size::HeapSize;

/// Hashes are partitioned by this many of their highest bits, so that partitions can be processed one by one.
const PARTITION_BITS: u32 = 8;
/// Number of partitions.
pub(crate) const PARTITIONS: usize = 1 << PARTITION_BITS;

/// The sessions of a chunk, numbered in order of their first page view.
#[derive(Debug)]
pub(crate) struct SessionColumn {
    pub(crate) hashes: Arc<SessionHashes>,
    /// The entry row and the exit row of each session, among all rows of the chunk.
    entries: FrameOfReference,
    exits: FrameOfReference,
    /// Whether a session has another page view with the time and path of its entry, so that a filter may
    /// select another entry.
    pub(crate) has_tied_entries: bool,
}

impl SessionColumn {
    /// Number of sessions.
    pub(crate) fn len(&self) -> usize {
        self.hashes.numbers.len()
    }

    /// The bounds of these sessions, among all rows of the chunk.
    pub(crate) fn bounds(&self, sessions: Range<usize>) -> Vec<SessionBounds> {
        let (entries, exits) = (self.entries.of(sessions.clone()), self.exits.of(sessions));
        entries.zip(exits).map(|(entry, exit)| SessionBounds { entry, exit }).collect()
    }
}

impl HeapSize for SessionColumn {
    fn heap_bytes(&self) -> usize {
        self.hashes.bytes() + self.entries.heap_bytes() + self.exits.heap_bytes()
    }
}

/// A 64-bit hash of visitor and `session_id` for each session of a chunk, or of some partitions. Among a
/// hundred million sessions, the probability of a collision is below 1 in 1000.
#[derive(Debug)]
pub(crate) struct SessionHashes {
    hashes: Vec<u64>,
    /// The session of each hash.
    numbers: Vec<u32>,
    /// The start of each partition, and the end of the last one.
    starts: Vec<u32>,
}

impl SessionHashes {
    fn new(hashes: &[u64]) -> Self {
        let mut starts = vec![0_u32; PARTITIONS + 1];
        for hash in hashes {
            starts[partition(*hash) + 1] += 1;
        }
        for partition in 0..PARTITIONS {
            starts[partition + 1] += starts[partition];
        }
        let mut next = starts.clone();
        let mut by_partition = Self { hashes: vec![0; hashes.len()], numbers: vec![0; hashes.len()], starts };
        for (number, hash) in (0..).zip(hashes) {
            let index = &mut next[partition(*hash)];
            by_partition.hashes[*index as usize] = *hash;
            by_partition.numbers[*index as usize] = number;
            *index += 1;
        }
        by_partition
    }

    /// The hashes of a partition.
    pub(crate) fn of_partition(&self, partition: usize) -> &[u64] {
        &self.hashes[self.starts[partition] as usize..self.starts[partition + 1] as usize]
    }

    /// The session numbers of a partition, in the order of its hashes.
    pub(crate) fn numbers_of_partition(&self, partition: usize) -> &[u32] {
        &self.numbers[self.starts[partition] as usize..self.starts[partition + 1] as usize]
    }

    /// The hashes of these partitions only.
    pub(crate) fn only(&self, partitions: &Range<usize>) -> Self {
        let (first, end) = (self.starts[partitions.start], self.starts[partitions.end]);
        let indexes = first as usize..end as usize;
        Self {
            hashes: self.hashes[indexes.clone()].to_vec(),
            numbers: self.numbers[indexes].to_vec(),
            starts: self.starts.iter().map(|start| start.clamp(&first, &end) - first).collect(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(self.hashes.as_slice())
            + size_of_val(self.numbers.as_slice())
            + size_of_val(self.starts.as_slice())
    }
}

fn partition(hash: u64) -> usize {
    (hash >> (u64::BITS - PARTITION_BITS)) as usize
}

/// The session of each row of a chunk.
#[derive(Debug)]
pub(crate) struct Numbered {
    /// The session number of each row; `NO_NUMBER` if it is not a page view.
    pub(crate) numbers: FrameOfReference,
    /// The hash of each session.
    hashes: Vec<u64>,
}

impl Numbered {
    /// Numbers sessions, given a hash for each row that is a page view.
    pub(crate) fn new(rows: impl ExactSizeIterator<Item = Option<u64>>) -> Self {
        let mut numbers = Vec::with_capacity(rows.len());
        let mut hashes: Vec<u64> = Vec::new();
        let mut known: HashTable<u32> = HashTable::new();
        for hash in rows {
            let Some(hash) = hash else {
                numbers.push(NO_NUMBER);
                continue;
            };
            let next = hashes.len() as u32;
            let of_hash = |number: &u32| hashes[*number as usize];
            let entry = known.entry(hash, |number| of_hash(number) == hash, of_hash);
            let number = *entry.or_insert(next).get();
            if number == next {
                hashes.push(hash);
            }
            numbers.push(number);
        }
        Self { numbers: FrameOfReference::new(numbers), hashes }
    }

    /// Number of sessions.
    pub(crate) fn sessions(&self) -> usize {
        self.hashes.len()
    }

    /// Returns the sessions with their bounds.
    pub(crate) fn column(&self, bounds: &[SessionBounds], has_tied_entries: bool) -> SessionColumn {
        SessionColumn {
            hashes: Arc::new(SessionHashes::new(&self.hashes)),
            entries: FrameOfReference::new(bounds.iter().map(|bounds| bounds.entry).collect()),
            exits: FrameOfReference::new(bounds.iter().map(|bounds| bounds.exit).collect()),
            has_tied_entries,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_are_numbered_in_order_and_found_by_partition() {
        let of_partition = |partition: u64, rest: u64| partition << (u64::BITS - PARTITION_BITS) | rest;
        let [a, b, c, d] = [of_partition(9, 1), of_partition(2, 5), of_partition(2, 4), of_partition(255, 0)];
        let numbered = Numbered::new([Some(a), None, Some(b), Some(a), Some(c), Some(d)].into_iter());
        let numbers: Vec<u32> = (0..6).map(|row| numbered.numbers.at(row)).collect();
        assert_eq!(numbers, [0, NO_NUMBER, 1, 0, 2, 3]);
        assert_eq!(numbered.sessions(), 4);
        let hashes = SessionHashes::new(&numbered.hashes);
        let partition = |hashes: &SessionHashes, partition| {
            (hashes.of_partition(partition).to_vec(), hashes.numbers_of_partition(partition).to_vec())
        };
        assert_eq!(partition(&hashes, 2), (vec![b, c], vec![1, 2]));
        assert_eq!(partition(&hashes, 3), (vec![], vec![]));
        let some = hashes.only(&(3..PARTITIONS));
        assert_eq!(partition(&some, 9), (vec![a], vec![0]));
        assert_eq!((partition(&some, 255), partition(&some, 2)), ((vec![d], vec![3]), (vec![], vec![])));
        assert_eq!(Numbered::new(std::iter::empty()).sessions(), 0);
    }
}
