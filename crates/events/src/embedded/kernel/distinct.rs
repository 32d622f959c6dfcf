//! Counting distinct visitors by group: a bitmap for each group while those are small together,
//! otherwise a list of (group, visitor) pairs that is freed of its doubles now and then.

use super::estimate::estimate;

/// Bitmaps of all groups together may take so many bytes before they become pairs, or more where
/// there are so many rows that pairs would take no less, up to a bound.
const BITMAP_BYTES: usize = 16 << 20;
const MOST_BITMAP_BYTES: usize = 64 << 20;
/// So many pairs are freed of doubles before more are added.
const MANY_PAIRS: usize = 8 << 20;

/// The visitors seen, by group.
#[derive(Debug)]
pub(super) enum Distinct {
    Bitmaps(Bitmaps),
    Pairs(Pairs),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Bitmaps(Bitmaps::default())
    }
}

impl Distinct {
    /// Makes room for groups below `groups` and visitors below `visitors`, of whom at most `rows` are
    /// added, doubles included.
    pub(super) fn reserve(&mut self, groups: usize, visitors: usize, rows: usize) {
        match self {
            Self::Bitmaps(bitmaps) => {
                let most = (rows * 4).clamp(BITMAP_BYTES, MOST_BITMAP_BYTES);
                if Bitmaps::bytes(groups.max(bitmaps.groups()), visitors) > most {
                    *self = Self::Pairs(Pairs::of(bitmaps));
                    return;
                }
                bitmaps.grow(groups, Bitmaps::words(visitors));
            }
            Self::Pairs(pairs) => pairs.make_room(),
        }
    }

    /// Adds the visitors of one group.
    pub(super) fn add_group(&mut self, group: u32, visitors: impl Iterator<Item = u32>) {
        match self {
            Self::Bitmaps(bitmaps) => {
                let bitmap = bitmaps.of_group_mut(group as usize);
                visitors.for_each(|visitor| bitmap[visitor as usize / 64] |= 1 << (visitor % 64));
            }
            Self::Pairs(pairs) => pairs.seen.extend(visitors.map(|visitor| (group, visitor))),
        }
    }

    /// Adds visitors, each with its place in `groups`.
    pub(super) fn add(&mut self, groups: &[u32], seen: impl Iterator<Item = (u32, u32)>) {
        match self {
            Self::Bitmaps(Bitmaps { words, bits }) => {
                let starts: Vec<usize> = groups.iter().map(|group| *group as usize * *words).collect();
                seen.for_each(|(place, visitor)| {
                    bits[starts[place as usize] + visitor as usize / 64] |= 1 << (visitor % 64);
                });
            }
            Self::Pairs(pairs) => {
                pairs.seen.extend(seen.map(|(place, visitor)| (groups[place as usize], visitor)));
            }
        }
    }

    /// Adds what another core saw; its groups have the same numbers.
    pub(super) fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Bitmaps(mine), Self::Bitmaps(theirs)) => mine.merge(theirs),
            (Self::Pairs(mine), Self::Pairs(theirs)) => mine.seen.extend(theirs.seen),
            (Self::Pairs(mine), Self::Bitmaps(theirs)) => mine.seen.extend(Pairs::of(&theirs).seen),
            (Self::Bitmaps(mine), Self::Pairs(mut theirs)) => {
                theirs.seen.extend(Pairs::of(mine).seen);
                *self = Self::Pairs(theirs);
            }
        }
    }

    /// How many visitors each of so many groups has, when what was collected are their tokens.
    pub(super) fn estimates(&self, groups: usize) -> Vec<u64> {
        let mut tokens = vec![Vec::new(); groups];
        match self {
            Self::Bitmaps(bitmaps) => {
                tokens
                    .iter_mut()
                    .zip(bitmaps.each())
                    .for_each(|(tokens, bitmap)| tokens.extend(members(bitmap)));
            }
            Self::Pairs(pairs) => pairs.each_distinct(|group, token| tokens[group as usize].push(token)),
        }
        tokens.into_iter().map(estimate).collect()
    }

    /// How many visitors each of so many groups has.
    pub(super) fn counts(&self, groups: usize) -> Vec<u64> {
        let mut counts = vec![0; groups];
        match self {
            Self::Bitmaps(bitmaps) => {
                for (count, bitmap) in counts.iter_mut().zip(bitmaps.each()) {
                    *count = bitmap.iter().map(|word| u64::from(word.count_ones())).sum();
                }
            }
            Self::Pairs(pairs) => pairs.each_distinct(|group, _| counts[group as usize] += 1),
        }
        counts
    }
}

/// A bitmap of visitors for each group, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Bitmaps {
    /// Of one group.
    words: usize,
    bits: Vec<u64>,
}

impl Bitmaps {
    /// Words are set aside so many at a time, since adding some moves everything.
    const STEP: usize = 256;

    /// Makes room for so many groups and visitors.
    pub(super) fn reserve(&mut self, groups: usize, visitors: usize) {
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

    /// The bits of one group.
    pub(super) fn of_group(&self, group: usize) -> &[u64] {
        &self.bits[group * self.words..][..self.words]
    }

    fn of_group_mut(&mut self, group: usize) -> &mut [u64] {
        &mut self.bits[group * self.words..][..self.words]
    }

    /// Adds the visitors of another group to a group.
    pub(super) fn unite(&mut self, group: usize, other: usize) {
        for word in 0..self.words {
            self.bits[group * self.words + word] |= self.bits[other * self.words + word];
        }
    }

    /// Adds visitors to groups; there must be room for all.
    pub(super) fn add_all(&mut self, seen: impl Iterator<Item = (usize, u32)>) {
        let Self { words, bits } = self;
        seen.for_each(|(group, visitor)| bits[group * *words + visitor as usize / 64] |= 1 << (visitor % 64));
    }

    fn each(&self) -> impl Iterator<Item = &[u64]> {
        self.bits.chunks_exact(self.words.max(1))
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.grow(other.groups(), other.words);
        for (mine, theirs) in self.bits.chunks_exact_mut(self.words.max(1)).zip(other.each()) {
            mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
        }
    }
}

/// The bits that are set.
fn members(bitmap: &[u64]) -> impl Iterator<Item = u32> {
    (0..).zip(bitmap).flat_map(|(place, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| place * 64 + left.trailing_zeros())?;
            left &= left - 1;
            Some(bit)
        })
    })
}

/// Groups and their visitors, doubles included.
#[derive(Debug)]
pub(super) struct Pairs {
    seen: Vec<(u32, u32)>,
    /// The length after doubles were removed last.
    distinct: usize,
}

impl Pairs {
    fn of(bitmaps: &Bitmaps) -> Self {
        let mut seen = Vec::new();
        for (group, bitmap) in (0..).zip(bitmaps.each()) {
            seen.extend(members(bitmap).map(|visitor| (group, visitor)));
        }
        Self { distinct: seen.len(), seen }
    }

    /// Removes doubles once the list has grown by many.
    fn make_room(&mut self) {
        if self.seen.len() - self.distinct < MANY_PAIRS.max(self.distinct) {
            return;
        }
        let mut distinct = Vec::new();
        self.each_distinct(|group, visitor| distinct.push((group, visitor)));
        *self = Self { distinct: distinct.len(), seen: distinct };
    }

    /// Calls `each` once for every distinct pair: visitors are laid out by group, and one small
    /// bitmap is used for one group after the other.
    fn each_distinct(&self, mut each: impl FnMut(u32, u32)) {
        let groups = self.seen.iter().map(|pair| pair.0 as usize + 1).max().unwrap_or_default();
        let visitors = self.seen.iter().map(|pair| pair.1 as usize + 1).max().unwrap_or_default();
        let mut ends = vec![0_usize; groups + 1];
        for (group, _) in &self.seen {
            ends[*group as usize + 1] += 1;
        }
        for group in 0..groups {
            ends[group + 1] += ends[group];
        }
        let mut by_group = vec![0_u32; self.seen.len()];
        let mut next = ends.clone();
        for (group, visitor) in &self.seen {
            by_group[next[*group as usize]] = *visitor;
            next[*group as usize] += 1;
        }
        let mut bitmap = vec![0_u64; visitors.div_ceil(64)];
        for (group, span) in (0..).zip(ends.windows(2)) {
            let of_group = &by_group[span[0]..span[1]];
            for visitor in of_group {
                let (word, bit) = (&mut bitmap[*visitor as usize / 64], 1 << (visitor % 64));
                if *word & bit == 0 {
                    *word |= bit;
                    each(group, *visitor);
                }
            }
            for visitor in of_group {
                bitmap[*visitor as usize / 64] = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bitmaps_and_pairs_count_alike() {
        let seen = |step: u32| (0..20_000).map(move |n| (n % 7, n * step % 9_001));
        let small = || {
            let mut distinct = Distinct::default();
            distinct.reserve(7, 9_001, 40_000);
            distinct
        };
        let large = || {
            let mut distinct = small();
            distinct.add_group(3, [5, 5].into_iter());
            distinct.reserve(7, 1 << 30, 40_000);
            assert!(matches!(distinct, Distinct::Pairs(_)));
            distinct
        };
        let mut expected = small();
        let groups: Vec<u32> = (0..7).collect();
        expected.add(&groups, seen(3));
        expected.add(&groups, seen(11));
        expected.add_group(3, [5].into_iter());
        let expected = expected.counts(7);
        for (first, second) in [(small(), large()), (large(), small()), (large(), large())] {
            let (mut first, mut second) = (first, second);
            first.add(&groups, seen(3));
            second.add(&groups, seen(11));
            first.merge(second);
            assert_eq!(first.counts(7), expected);
        }
    }

    #[test]
    fn doubles_are_removed_when_there_are_many() {
        let seen = (0..=MANY_PAIRS as u32).map(|n| (n % 3, n % 10)).collect();
        let mut pairs = Pairs { seen, distinct: 0 };
        pairs.make_room();
        assert_eq!((pairs.seen.len(), pairs.distinct), (30, 30));
    }
}
