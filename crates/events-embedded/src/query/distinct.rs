//! Counts distinct visitors by group: with a bitmap for each group while all bitmaps together are small,
//! otherwise with lists.

pub(crate) mod lists;

use std::sync::Arc;

use self::lists::Lists;
use crate::columns::hyperloglog::estimate;
use crate::columns::rows::Rows;
use crate::query::groups::summary::{CachedSummary, Members};
use crate::resources::query_context::QueryContext;
use millimetric_events::StoreError;

/// Most bytes of the bitmaps of all groups on one core: about the size of a processor cache.
const BITMAP_BYTES: usize = 4 << 20;
/// Most bytes of bitmaps from which the members of a summary are computed.
const MAX_MEMBER_BYTES: usize = 64 << 20;

/// The visitors of each group.
#[derive(Debug)]
pub(crate) enum Distinct {
    Bitmaps(Bitmaps),
    Lists(Lists),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Bitmaps(Bitmaps::default())
    }
}

impl Distinct {
    /// Memory in bytes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Bitmaps(bitmaps) => size_of_val(bitmaps.bits.as_slice()),
            Self::Lists(lists) => lists.bytes(),
        }
    }

    /// Prepares for group numbers below `groups` and visitor numbers below `visitors`.
    pub(crate) fn reserve(&mut self, groups: usize, visitors: usize) {
        match self {
            Self::Bitmaps(bitmaps) => {
                if Bitmaps::bytes(groups.max(bitmaps.groups()), visitors) <= BITMAP_BYTES {
                    bitmaps.grow(groups, Bitmaps::words(visitors));
                } else {
                    *self = Self::Lists(lists_of(bitmaps));
                    self.reserve(groups, visitors);
                }
            }
            Self::Lists(lists) => lists.reserve(visitors),
        }
    }

    /// Adds visitors to one group: the values of a column in these rows of the selection.
    pub(crate) fn add_group(
        &mut self,
        group: u32,
        column: &Arc<Vec<u32>>,
        rows: &Rows,
        indexes: std::ops::Range<usize>,
    ) {
        match (self, rows) {
            (Self::Bitmaps(bitmaps), rows) => {
                let bitmap = bitmaps.of_group_mut(group as usize);
                let mut add = |visitor: u32| bitmap[visitor as usize / 64] |= 1 << (visitor % 64);
                match rows {
                    Rows::Span(span) => {
                        let rows = span.start + indexes.start..span.start + indexes.end;
                        column[rows].iter().for_each(|visitor| add(*visitor));
                    }
                    Rows::List(rows) => rows[indexes].iter().for_each(|row| add(column[*row as usize])),
                }
            }
            (Self::Lists(lists), Rows::Span(span)) => {
                lists.add_group(group, column, span.start + indexes.start..span.start + indexes.end);
            }
            (Self::Lists(lists), Rows::List(rows)) => {
                let numbers: Vec<u32> = rows[indexes].iter().map(|row| column[*row as usize]).collect();
                let indexes = 0..numbers.len();
                lists.add_group(group, &Arc::new(numbers), indexes);
            }
        }
    }

    /// Adds pairs of an index in `groups` and a visitor; `counts` has the number of pairs for each index.
    pub(crate) fn add(&mut self, groups: &[u32], counts: &[u32], seen: impl Iterator<Item = (u32, u32)>) {
        match self {
            Self::Bitmaps(Bitmaps { words, bits }) => {
                let starts: Vec<usize> = groups.iter().map(|group| *group as usize * *words).collect();
                seen.for_each(|(index, visitor)| {
                    bits[starts[index as usize] + visitor as usize / 64] |= 1 << (visitor % 64);
                });
            }
            Self::Lists(lists) => lists.add(groups, counts, seen),
        }
    }

    /// Adds the visitors of a summary; `groups` has the number of each of its groups.
    pub(crate) fn add_summary(&mut self, groups: &[u32], cached: &Arc<CachedSummary>) {
        match self {
            Self::Bitmaps(bitmaps) => {
                for (index, group) in (0..).zip(groups) {
                    bitmaps.add_members(*group as usize, cached.visitors(index));
                }
            }
            Self::Lists(lists) => lists.add_summary(groups, cached),
        }
    }

    /// Adds what another core collected under the same group numbers.
    pub(crate) fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Bitmaps(mine), Self::Bitmaps(theirs)) => mine.merge(theirs),
            (Self::Lists(mine), Self::Lists(theirs)) => mine.merge(theirs),
            (Self::Lists(mine), Self::Bitmaps(theirs)) => mine.merge(lists_of(&theirs)),
            (Self::Bitmaps(mine), Self::Lists(mut theirs)) => {
                theirs.merge(lists_of(mine));
                *self = Self::Lists(theirs);
            }
        }
    }

    /// The number of visitors of each of the first `groups` groups.
    pub(crate) fn counts(&mut self, groups: usize, context: &QueryContext) -> Result<Vec<u64>, StoreError> {
        match self {
            Self::Bitmaps(bitmaps) => {
                let count = |bitmap: &[u64]| bitmap.iter().map(|word| u64::from(word.count_ones())).sum();
                let counts = bitmaps.each().map(count).chain(std::iter::repeat(0));
                Ok(counts.take(groups).collect())
            }
            Self::Lists(lists) => lists.counts(groups, context),
        }
    }

    /// The visitors of each of the first `groups` groups.
    fn members(&mut self, groups: usize, context: &QueryContext) -> Result<Vec<Members>, StoreError> {
        match self {
            Self::Bitmaps(bitmaps) => {
                let each = bitmaps.each().map(Members::of).chain(std::iter::repeat_with(Members::default));
                Ok(each.take(groups).collect())
            }
            Self::Lists(lists) => lists.members(groups, context),
        }
    }

    /// Like [`Self::members`]; `None` if the bitmaps would exceed [`MAX_MEMBER_BYTES`].
    pub(crate) fn members_if_small(
        &mut self,
        groups: usize,
        visitors: usize,
        context: &QueryContext,
    ) -> Result<Option<Vec<Members>>, StoreError> {
        let affordable = Bitmaps::bytes(groups, visitors) <= MAX_MEMBER_BYTES;
        affordable.then(|| self.members(groups, context)).transpose()
    }

    /// The estimated number of visitors of each group, if tokens were collected in place of visitor numbers.
    pub(crate) fn estimates(
        &mut self,
        groups: usize,
        context: &QueryContext,
    ) -> Result<Vec<u64>, StoreError> {
        let estimate = |of_group: Members| {
            let mut tokens = Vec::with_capacity(of_group.len());
            of_group.each(|token| tokens.push(token));
            estimate(tokens)
        };
        Ok(self.members(groups, context)?.into_iter().map(estimate).collect())
    }
}

fn lists_of(bitmaps: &Bitmaps) -> Lists {
    let mut lists = Lists::default();
    lists.reserve(bitmaps.words * 64);
    for (group, bitmap) in (0..).zip(bitmaps.each()) {
        lists.add_bitmap(group, bitmap);
    }
    lists
}

/// One bitmap for each group, in one allocation.
#[derive(Debug, Default)]
pub(crate) struct Bitmaps {
    /// Words of each bitmap.
    words: usize,
    bits: Vec<u64>,
}

impl Bitmaps {
    /// Bitmaps grow by this many words, because growing copies all of them.
    const STEP: usize = 256;

    /// Prepares for group numbers below `groups` and visitor numbers below `visitors`.
    pub(crate) fn reserve(&mut self, groups: usize, visitors: usize) {
        self.grow(groups, Self::words(visitors));
    }

    fn words(visitors: usize) -> usize {
        visitors.div_ceil(64).next_multiple_of(Self::STEP)
    }

    fn bytes(groups: usize, visitors: usize) -> usize {
        groups.saturating_mul(Self::words(visitors)).saturating_mul(8)
    }

    fn groups(&self) -> usize {
        self.bits.len().checked_div(self.words).unwrap_or_default()
    }

    fn grow(&mut self, groups: usize, words: usize) {
        let groups = groups.max(self.groups());
        if words > self.words {
            let mut wider = vec![0; groups * words];
            for (wide, narrow) in wider.chunks_exact_mut(words).zip(self.each()) {
                wide[..narrow.len()].copy_from_slice(narrow);
            }
            *self = Self { words, bits: wider };
        }
        self.bits.resize(groups * self.words, 0);
    }

    /// The bitmap of a group.
    pub(crate) fn of_group(&self, group: usize) -> &[u64] {
        &self.bits[group * self.words..][..self.words]
    }

    fn of_group_mut(&mut self, group: usize) -> &mut [u64] {
        &mut self.bits[group * self.words..][..self.words]
    }

    /// Adds the visitors of a set; the bitmaps must be large enough.
    pub(crate) fn add_members(&mut self, group: usize, members: &Members) {
        members.add_to(self.of_group_mut(group));
    }

    /// Adds the visitors of group `other` to `group`.
    pub(crate) fn unite(&mut self, group: usize, other: usize) {
        for word in 0..self.words {
            self.bits[group * self.words + word] |= self.bits[other * self.words + word];
        }
    }

    /// Adds pairs of a group and a visitor; the bitmaps must be large enough.
    pub(crate) fn add_all(&mut self, seen: impl Iterator<Item = (usize, u32)>) {
        let Self { words, bits } = self;
        seen.for_each(|(group, visitor)| bits[group * *words + visitor as usize / 64] |= 1 << (visitor % 64));
    }

    fn each(&self) -> impl Iterator<Item = &[u64]> {
        self.bits.chunks_exact(self.words.max(1))
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.grow(other.groups(), other.words);
        for (mine, theirs) in self.bits.chunks_exact_mut(self.words.max(1)).zip(other.each()) {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_and_lists_have_the_same_counts() {
        const GROUPS: usize = 7;
        let seen = |step: u32| (0..20_000).map(move |n| (n % GROUPS as u32, n * step % 9_001));
        let counts: Vec<u32> = (0..GROUPS).map(|group| (20_000 - group).div_ceil(GROUPS) as u32).collect();
        let groups: Vec<u32> = (0..GROUPS as u32).rev().collect();
        let small = |_: u32| {
            let mut distinct = Distinct::default();
            distinct.reserve(GROUPS, 9_001);
            distinct
        };
        let large = |step: u32| {
            let mut distinct = small(step);
            distinct.add(&groups, &counts, seen(step).take(100));
            distinct.reserve(GROUPS, 1 << 26);
            assert!(matches!(distinct, Distinct::Lists(_)));
            distinct
        };
        let column = Arc::new(vec![1, 2, 9_000, 5]);
        let collected = |start: &dyn Fn(u32) -> Distinct, step: u32| {
            let mut distinct = start(step);
            distinct.add(&groups, &counts, seen(step));
            distinct.add_group(3, &column, &Rows::Span(1..4), 1..3);
            distinct.add_group(4, &column, &Rows::List(vec![0, 3]), 0..1);
            distinct
        };
        let context = QueryContext::default();
        let mut expected = collected(&small, 3);
        expected.merge(collected(&small, 11));
        let expected = expected.counts(GROUPS, &context).unwrap();
        let starts: [&dyn Fn(u32) -> Distinct; 2] = [&small, &large];
        for (first, second) in [(0, 1), (1, 0), (1, 1)] {
            let mut distinct = collected(starts[first], 3);
            distinct.merge(collected(starts[second], 11));
            assert_eq!(distinct.counts(GROUPS, &context).unwrap(), expected);
            let members = distinct.members(GROUPS, &context).unwrap();
            assert_eq!(members.iter().map(|group| group.len() as u64).collect::<Vec<_>>(), expected);
        }
    }
}
