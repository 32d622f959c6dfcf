//! Finds the sessions that several chunks share, by their hashes.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use hashbrown::hash_table::{Entry, HashTable};

use crate::columns::sessions::SessionHashes;
use crate::query::run;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// By chunk: number and hash of each session that another chunk has too.
#[derive(Debug)]
pub(crate) struct Shared(Vec<Vec<(u32, u64)>>);

impl Shared {
    /// Searches these partitions of the hashes; `None` if more than `max` are found.
    pub(crate) fn find(
        chunks: &[&SessionHashes],
        partitions: &[usize],
        max: usize,
        context: &QueryContext,
    ) -> Result<Option<Self>, StoreError> {
        let mut shared = vec![Vec::new(); chunks.len()];
        if chunks.len() < 2 {
            return Ok(Some(Self(shared)));
        }
        let many_found = AtomicUsize::new(0);
        let too_many = || many_found.load(Relaxed) / 2 > max;
        let sessions = |partition: &usize| {
            chunks.iter().map(|chunk| chunk.of_partition(*partition).len()).sum::<usize>()
        };
        let many = partitions.iter().map(sessions).sum();
        let start = || (Repeated::default(), Vec::new());
        let of_cores = run::each_of(partitions, many, context, start, |(repeated, found), partition| {
            if too_many() {
                return Ok(());
            }
            let before_this = found.len();
            repeated.begin(chunks.iter().map(|chunk| chunk.of_partition(*partition)));
            for (chunk, hashes) in chunks.iter().enumerate() {
                for (hash, number) in
                    hashes.of_partition(*partition).iter().zip(hashes.numbers_of_partition(*partition))
                {
                    if let Some(before) = repeated.meet(*hash, (chunk, *number)) {
                        found.extend([(before, *hash), ((chunk, *number), *hash)]);
                    }
                }
            }
            many_found.fetch_add(found.len() - before_this, Relaxed);
            Ok(())
        })?;
        // Each session was counted at most twice.
        if too_many() {
            return Ok(None);
        }
        for ((chunk, number), hash) in of_cores.into_iter().flat_map(|(_, found)| found) {
            shared[chunk].push((number, hash));
        }
        for of_chunk in &mut shared {
            of_chunk.sort_unstable();
            of_chunk.dedup();
        }
        let all: usize = shared.iter().map(Vec::len).sum();
        Ok((all <= max).then_some(Self(shared)))
    }

    /// The shared sessions of a chunk.
    pub(crate) fn of_chunk(&self, chunk: usize) -> &[(u32, u64)] {
        &self.0[chunk]
    }
}

/// Finds hashes that occur several times. Two bitmaps, which fit into a processor cache, exclude most of the
/// others before they are looked up in a hash table.
#[derive(Default)]
struct Repeated {
    /// Bits of hashes that occurred, and of those that occurred again.
    seen: Vec<u64>,
    again: Vec<u64>,
    known: HashTable<(u64, (usize, u32))>,
}

impl Repeated {
    /// Bits for each hash; one in this many is looked up in vain.
    const BITS: usize = 16;

    /// Starts again with the hashes of each chunk.
    fn begin<'a>(&mut self, chunks: impl Iterator<Item = &'a [u64]> + Clone) {
        let many: usize = chunks.clone().map(<[u64]>::len).sum();
        let words = (many * Self::BITS / 64).next_power_of_two();
        for bits in [&mut self.seen, &mut self.again] {
            bits.clear();
            bits.resize(words, 0);
        }
        self.known.clear();
        for hash in chunks.flatten() {
            let (word, bit) = self.index(*hash);
            self.again[word] |= self.seen[word] & bit;
            self.seen[word] |= bit;
        }
    }

    /// Uses the lowest bits, because all hashes of a partition have the same highest bits.
    fn index(&self, hash: u64) -> (usize, u64) {
        ((hash >> 6) as usize & (self.seen.len() - 1), 1 << (hash % 64))
    }

    /// Returns where the hash occurred first, if this is not its first occurrence.
    fn meet(&mut self, hash: u64, here: (usize, u32)) -> Option<(usize, u32)> {
        let (word, bit) = self.index(hash);
        if self.again[word] & bit == 0 {
            return None;
        }
        match self.known.entry(hash, |entry| entry.0 == hash, |entry| entry.0) {
            Entry::Occupied(entry) => Some(entry.get().1),
            Entry::Vacant(entry) => {
                entry.insert((hash, here));
                None
            }
        }
    }
}
