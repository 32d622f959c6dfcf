//! Counting distinct visitors by group: a bitmap for each group while that is small, otherwise
//! one set of (group, visitor) pairs.

use hashbrown::HashTable;

/// Bitmaps of all groups together may take so many bytes before they become pairs.
const MOST_BITMAP_BYTES: usize = 32 << 20;

/// The visitors seen, by group.
#[derive(Debug)]
pub(super) enum Distinct {
    Bitmaps(Vec<Vec<u64>>),
    Pairs(HashTable<u64>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Bitmaps(Vec::new())
    }
}

impl Distinct {
    /// Makes room for groups below `groups` and visitors below `visitors`.
    pub(super) fn reserve(&mut self, groups: usize, visitors: usize) {
        let Self::Bitmaps(bitmaps) = self else { return };
        let words = visitors.div_ceil(64);
        if groups.max(bitmaps.len()).saturating_mul(words * 8) > MOST_BITMAP_BYTES {
            *self = Self::Pairs(pairs(bitmaps));
            return;
        }
        bitmaps.resize_with(bitmaps.len().max(groups), Vec::new);
        for bitmap in bitmaps {
            bitmap.resize(bitmap.len().max(words), 0);
        }
    }

    /// Adds the visitors of one group.
    pub(super) fn add_group(&mut self, group: u32, visitors: impl Iterator<Item = u32>) {
        match self {
            Self::Bitmaps(bitmaps) => {
                let bitmap = &mut bitmaps[group as usize];
                visitors.for_each(|visitor| bitmap[visitor as usize / 64] |= 1 << (visitor % 64));
            }
            Self::Pairs(set) => visitors.for_each(|visitor| insert(set, pair(group, visitor))),
        }
    }

    /// Adds visitors, each with its group.
    pub(super) fn add(&mut self, seen: impl Iterator<Item = (u32, u32)>) {
        match self {
            Self::Bitmaps(bitmaps) => seen.for_each(|(group, visitor)| {
                bitmaps[group as usize][visitor as usize / 64] |= 1 << (visitor % 64);
            }),
            Self::Pairs(set) => seen.for_each(|(group, visitor)| insert(set, pair(group, visitor))),
        }
    }

    /// Adds what another core saw; its groups have the same numbers.
    pub(super) fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Bitmaps(mine), Self::Bitmaps(theirs)) => {
                mine.resize_with(mine.len().max(theirs.len()), Vec::new);
                for (mine, theirs) in mine.iter_mut().zip(theirs) {
                    mine.resize(mine.len().max(theirs.len()), 0);
                    mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
                }
            }
            (Self::Bitmaps(mine), theirs @ Self::Pairs(_)) => {
                let mine = Self::Pairs(pairs(mine));
                *self = theirs;
                self.merge(mine);
            }
            (Self::Pairs(mine), Self::Bitmaps(theirs)) => {
                each_pair(&theirs, |pair| insert(mine, pair));
            }
            (Self::Pairs(mine), Self::Pairs(theirs)) => {
                theirs.into_iter().for_each(|pair| insert(mine, pair));
            }
        }
    }

    /// How many visitors each of so many groups has.
    pub(super) fn counts(&self, groups: usize) -> Vec<u64> {
        let mut counts = vec![0; groups];
        match self {
            Self::Bitmaps(bitmaps) => {
                for (count, bitmap) in counts.iter_mut().zip(bitmaps) {
                    *count = bitmap.iter().map(|word| u64::from(word.count_ones())).sum();
                }
            }
            Self::Pairs(set) => set.iter().for_each(|pair| counts[(pair >> 32) as usize] += 1),
        }
        counts
    }
}

fn pair(group: u32, visitor: u32) -> u64 {
    u64::from(group) << 32 | u64::from(visitor)
}

fn pairs(bitmaps: &[Vec<u64>]) -> HashTable<u64> {
    let mut set = HashTable::new();
    each_pair(bitmaps, |pair| insert(&mut set, pair));
    set
}

fn each_pair(bitmaps: &[Vec<u64>], mut each: impl FnMut(u64)) {
    for (group, bitmap) in (0..).zip(bitmaps) {
        for (place, word) in (0..).zip(bitmap) {
            let mut left = *word;
            while left != 0 {
                each(pair(group, place * 64 + left.trailing_zeros()));
                left &= left - 1;
            }
        }
    }
}

fn insert(set: &mut HashTable<u64>, pair: u64) {
    set.entry(spread(pair), |known| *known == pair, |known| spread(*known)).or_insert(pair);
}

/// Spreads dense numbers over all bits; both are the store's own, so nobody can craft clashes.
pub(super) fn spread(number: u64) -> u64 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_and_pairs_count_alike() {
        let seen = |step: u32| (0..20_000).map(move |n| (n % 7, n * step % 9_001));
        let small = || {
            let mut distinct = Distinct::default();
            distinct.reserve(7, 9_001);
            distinct
        };
        let large = || {
            let mut distinct = small();
            distinct.reserve(7, 1 << 30);
            assert!(matches!(distinct, Distinct::Pairs(_)));
            distinct
        };
        let mut expected = small();
        expected.add(seen(3));
        expected.add(seen(11));
        let expected = expected.counts(7);
        for (first, second) in
            [(small(), small()), (small(), large()), (large(), small()), (large(), large())]
        {
            let (mut first, mut second) = (first, second);
            first.add(seen(3));
            second.add(seen(11));
            first.merge(second);
            assert_eq!(first.counts(7), expected);
        }
    }
}
