//! Visitors by group as lists with duplicates, for groups whose bitmaps together would exceed a processor
//! cache. Each group is then counted with the same bitmap.

use std::ops::Range;
use std::sync::Arc;

use crate::query::groups::summary::{CachedSummary, Members, members};
use crate::query::run;
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Number of listed duplicates from which on they are removed.
const MANY: usize = 16 << 20;
/// A group that lists fewer visitors than one for this many words of the bitmap is sparse: only the words
/// that it touches are read and cleared.
const SPARSE: usize = 8;
/// Approximate number of visitors of a unit of work.
const TURN: usize = 65_536;

/// The visitors of each group.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    blocks: Vec<Block>,
    entries: Vec<Entry>,
    /// Visitor numbers are below this.
    visitors: usize,
    /// Number of listed visitors, and the same after duplicates were last removed.
    listed: usize,
    distinct: usize,
}

/// Visitors of several groups.
#[derive(Debug, Clone)]
enum Block {
    Numbers(Arc<Vec<u32>>),
    CachedSummary(Arc<CachedSummary>),
}

/// Some visitors of a group.
#[derive(Debug, Clone, Copy)]
struct Entry {
    group: u32,
    block: u32,
    /// Indexes in the block; for a summary, `start` is the index of the group in it.
    start: u32,
    end: u32,
}

impl Lists {
    /// Memory in bytes. Of columns and summaries, which are shared, it counts what is listed.
    pub(crate) fn bytes(&self) -> usize {
        self.listed * size_of::<u32>() + self.entries.len() * size_of::<Entry>()
    }

    /// Prepares for visitor numbers below `visitors`; removes duplicates if there are many.
    pub(crate) fn reserve(&mut self, visitors: usize) {
        self.visitors = self.visitors.max(visitors);
        if self.listed - self.distinct > MANY.max(self.distinct) {
            self.remove_duplicates();
        }
    }

    /// Adds visitors to one group: the values of a column at these indexes.
    pub(crate) fn add_group(&mut self, group: u32, column: &Arc<Vec<u32>>, indexes: Range<usize>) {
        let block = self.block(Block::Numbers(Arc::clone(column)));
        self.entry(group, block, indexes);
    }

    /// Adds pairs of an index in `groups` and a visitor; `counts` has the number of pairs for each index.
    pub(crate) fn add(&mut self, groups: &[u32], counts: &[u32], seen: impl Iterator<Item = (u32, u32)>) {
        let mut ends = Vec::with_capacity(counts.len());
        let mut all = 0;
        for count in counts {
            ends.push(all);
            all += count;
        }
        let mut numbers = vec![0; all as usize];
        for (index, visitor) in seen {
            let end = &mut ends[index as usize];
            numbers[*end as usize] = visitor;
            *end += 1;
        }
        let block = self.block(Block::Numbers(Arc::new(numbers)));
        for ((group, count), end) in groups.iter().zip(counts).zip(ends).filter(|((_, count), _)| **count > 0)
        {
            self.entry(*group, block, (end - count) as usize..end as usize);
        }
    }

    /// Adds the visitors of a summary; `groups` has the number of each of its groups.
    pub(crate) fn add_summary(&mut self, groups: &[u32], cached: &Arc<CachedSummary>) {
        let Some(summary) = cached.summary() else { return };
        let block = self.block(Block::CachedSummary(Arc::clone(cached)));
        for (index, (group, members)) in groups.iter().zip(&summary.visitors).enumerate() {
            self.entries.push(Entry { group: *group, block, start: index as u32, end: index as u32 });
            self.listed += members.len();
        }
    }

    /// Adds the visitors of a bitmap.
    pub(crate) fn add_bitmap(&mut self, group: u32, bitmap: &[u64]) {
        let numbers: Vec<u32> = members(bitmap).collect();
        let indexes = 0..numbers.len();
        self.add_group(group, &Arc::new(numbers), indexes);
    }

    /// Adds what another core collected under the same group numbers.
    pub(crate) fn merge(&mut self, other: Self) {
        let first = self.blocks.len() as u32;
        self.blocks.extend(other.blocks);
        self.entries.extend(other.entries.iter().map(|entry| Entry { block: entry.block + first, ..*entry }));
        self.visitors = self.visitors.max(other.visitors);
        self.listed += other.listed;
        self.distinct += other.distinct;
    }

    /// The number of visitors of each of the first `groups` groups.
    pub(crate) fn counts(&mut self, groups: usize, context: &QueryContext) -> Result<Vec<u64>, StoreError> {
        self.of_groups(groups, context, Self::count)
    }

    /// The visitors of each of the first `groups` groups.
    pub(crate) fn members(
        &mut self,
        groups: usize,
        context: &QueryContext,
    ) -> Result<Vec<Members>, StoreError> {
        self.of_groups(groups, context, |lists, entries, bitmap| {
            lists.add_to(entries, bitmap);
            let members = Members::of(bitmap);
            bitmap.fill(0);
            members
        })
    }

    fn block(&mut self, block: Block) -> u32 {
        self.blocks.push(block);
        self.blocks.len() as u32 - 1
    }

    fn entry(&mut self, group: u32, block: u32, indexes: Range<usize>) {
        self.listed += indexes.len();
        self.entries.push(Entry { group, block, start: indexes.start as u32, end: indexes.end as u32 });
    }

    /// Returns `of_group` of each group's entries, in parallel. It gets an empty bitmap, and must clear it.
    fn of_groups<T: Default + Clone + Send>(
        &mut self,
        groups: usize,
        context: &QueryContext,
        of_group: impl Fn(&Self, &[Entry], &mut [u64]) -> T + Sync,
    ) -> Result<Vec<T>, StoreError> {
        self.entries.sort_unstable_by_key(|entry| entry.group);
        let lists = &*self;
        let start = || (lists.bitmap(), Vec::new());
        let of_cores =
            run::each_of(&lists.turns(), lists.listed, context, start, |(bitmap, found), turn| {
                for entries in lists.entries[turn.clone()].chunk_by(|a, b| a.group == b.group) {
                    found.push((entries[0].group, of_group(lists, entries, bitmap)));
                }
                Ok(())
            })?;
        let mut all = vec![T::default(); groups];
        for (group, found) in of_cores.into_iter().flat_map(|(_, found)| found) {
            all[group as usize] = found;
        }
        Ok(all)
    }

    /// Ranges of entries for units of work; no group is in two of them. The entries must be sorted by group.
    fn turns(&self) -> Vec<Range<usize>> {
        let (mut turns, mut start, mut end, mut listed) = (Vec::new(), 0, 0, 0);
        for entries in self.entries.chunk_by(|a, b| a.group == b.group) {
            end += entries.len();
            listed += self.listed(entries);
            if listed >= TURN {
                turns.push(start..end);
                (start, listed) = (end, 0);
            }
        }
        turns.push(start..end);
        turns
    }

    fn bitmap(&self) -> Vec<u64> {
        vec![0; self.visitors.div_ceil(64)]
    }

    fn listed(&self, entries: &[Entry]) -> usize {
        let of_entry = |entry: &Entry| match &self.blocks[entry.block as usize] {
            Block::Numbers(_) => (entry.end - entry.start) as usize,
            Block::CachedSummary(cached) => cached.visitors(entry.start).len(),
        };
        entries.iter().map(of_entry).sum()
    }

    fn count(&self, entries: &[Entry], bitmap: &mut [u64]) -> u64 {
        if self.is_sparse(entries, bitmap) {
            let mut count = 0;
            self.each_distinct(entries, bitmap, |_| count += 1);
            return count;
        }
        self.add_to(entries, bitmap);
        bitmap.iter_mut().map(|word| u64::from(std::mem::take(word).count_ones())).sum()
    }

    fn is_sparse(&self, entries: &[Entry], bitmap: &[u64]) -> bool {
        self.listed(entries) < bitmap.len() / SPARSE
    }

    /// Sets the bits of a group's visitors.
    fn add_to(&self, entries: &[Entry], bitmap: &mut [u64]) {
        for entry in entries {
            match &self.blocks[entry.block as usize] {
                Block::Numbers(numbers) => {
                    for visitor in &numbers[entry.start as usize..entry.end as usize] {
                        bitmap[*visitor as usize / 64] |= 1 << (visitor % 64);
                    }
                }
                Block::CachedSummary(cached) => cached.visitors(entry.start).add_to(bitmap),
            }
        }
    }

    /// Calls `each` once with every visitor of a group. Touches only the words of the bitmap that contain
    /// them.
    fn each_distinct(&self, entries: &[Entry], bitmap: &mut [u64], mut each: impl FnMut(u32)) {
        self.each(entries, |visitor| {
            let (word, bit) = (&mut bitmap[visitor as usize / 64], 1 << (visitor % 64));
            if *word & bit == 0 {
                *word |= bit;
                each(visitor);
            }
        });
        self.each(entries, |visitor| bitmap[visitor as usize / 64] = 0);
    }

    fn each(&self, entries: &[Entry], mut each: impl FnMut(u32)) {
        for entry in entries {
            match &self.blocks[entry.block as usize] {
                Block::Numbers(numbers) => {
                    numbers[entry.start as usize..entry.end as usize].iter().copied().for_each(&mut each);
                }
                Block::CachedSummary(cached) => cached.visitors(entry.start).each(&mut each),
            }
        }
    }

    fn remove_duplicates(&mut self) {
        self.entries.sort_unstable_by_key(|entry| entry.group);
        let (mut numbers, mut entries, mut bitmap) = (Vec::new(), Vec::new(), self.bitmap());
        for of_group in self.entries.chunk_by(|a, b| a.group == b.group) {
            let start = numbers.len() as u32;
            if self.is_sparse(of_group, &bitmap) {
                self.each_distinct(of_group, &mut bitmap, |visitor| numbers.push(visitor));
            } else {
                self.add_to(of_group, &mut bitmap);
                numbers.extend(members(&bitmap));
                bitmap.fill(0);
            }
            entries.push(Entry { group: of_group[0].group, block: 0, start, end: numbers.len() as u32 });
        }
        (self.listed, self.distinct) = (numbers.len(), numbers.len());
        (self.blocks, self.entries) = (vec![Block::Numbers(Arc::new(numbers))], entries);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_removed_when_there_are_many() {
        let mut lists = Lists::default();
        let numbers: Vec<u32> = (0..=MANY as u32).map(|number| number % 10).collect();
        let numbers = Arc::new(numbers);
        lists.reserve(10);
        lists.add_group(2, &numbers, 0..5);
        lists.add_group(1, &numbers, 0..numbers.len());
        lists.reserve(12);
        assert_eq!((lists.listed, lists.distinct, lists.entries.len()), (15, 15, 2));
        lists.add_group(2, &Arc::new(vec![4, 11]), 0..2);
        assert_eq!(lists.counts(3, &QueryContext::default()).unwrap(), [0, 10, 6]);
    }

    #[test]
    fn a_bitmap_is_left_empty_for_the_next_group() {
        let mut lists = Lists::default();
        lists.reserve(1 << 20);
        let dense: Arc<Vec<u32>> = Arc::new((0..1 << 20).step_by(7).collect());
        for group in 0..4 {
            lists.add_group(group, &dense, 0..if group % 2 == 0 { dense.len() } else { 9 });
        }
        assert_eq!(lists.counts(4, &QueryContext::default()).unwrap(), [149_797, 9, 149_797, 9]);
        let members = lists.members(4, &QueryContext::default()).unwrap();
        assert_eq!(members.iter().map(Members::len).collect::<Vec<_>>(), [149_797, 9, 149_797, 9]);
    }
}
