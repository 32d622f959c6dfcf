//! Summaries: the number of events and the visitors of each group of a whole segment. A query over all of
//! its rows adds up groups in place of rows.
//!
//! A summary is cached only if it is smaller than the columns that it replaces.

use crate::encoding::heap_size::HeapSize;
use crate::query::groups::group_dictionary::Finished;

/// Most bytes of a summary for each row of its chunk. Without it, the group and the visitor of each row are
/// read, which are at least five bytes.
const MAX_BYTES: usize = 2;
/// Bytes that a summary may have in any case.
const FREE_BYTES: usize = 4096;

/// The groups of a whole chunk.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) groups: Finished,
    /// Number of events of each group.
    pub(crate) events: Vec<u64>,
    /// The visitors of each group; empty if they were not counted.
    pub(crate) visitors: Vec<Members>,
}

/// A summary; `None` if it would be as large as the rows.
#[derive(Debug)]
pub(crate) struct CachedSummary(Option<Summary>);

impl CachedSummary {
    /// Drops the summary if it is too large for a chunk of this number of rows.
    pub(crate) fn of(summary: Option<Summary>, rows: usize) -> Self {
        Self(summary.filter(|summary| summary.bytes() <= FREE_BYTES + rows * MAX_BYTES))
    }

    /// The visitors of a group; nobody if there is no summary.
    pub(crate) fn visitors(&self, group: u32) -> &Members {
        static NOBODY: Members = Members::NONE;
        self.0.as_ref().and_then(|summary| summary.visitors.get(group as usize)).unwrap_or(&NOBODY)
    }

    /// The summary, if it exists.
    pub(crate) fn summary(&self) -> Option<&Summary> {
        self.0.as_ref()
    }

    /// Whether the summary exists.
    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }
}

impl Summary {
    /// The visitors of the group with this text in the first dimension.
    pub(crate) fn visitors_of(&self, text: &str) -> Option<&Members> {
        let group = (0..self.events.len()).find(|group| self.groups.text(*group, 0) == Some(text))?;
        self.visitors.get(group)
    }

    fn bytes(&self) -> usize {
        let visitors: usize = self.visitors.iter().map(Members::bytes).sum();
        self.groups.bytes() + size_of_val(self.events.as_slice()) + visitors
    }
}

impl HeapSize for CachedSummary {
    fn heap_bytes(&self) -> usize {
        self.0.as_ref().map_or(0, Summary::bytes)
    }
}

/// A set of visitor numbers in two kinds of containers of 65 536 numbers each: bitmaps, and sorted lists of
/// the lower 16 bits (Chambi et al., "Better bitmap performance with Roaring bitmaps", 2016). Compared with
/// the crate `roaring` in `docs/decisions/0011`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members {
    /// Each container with the index of its first word in the bitmap.
    containers: Vec<(usize, Container)>,
    count: usize,
}

#[derive(Debug, Clone)]
enum Container {
    Few(Box<[u16]>),
    Many(Box<[u64]>),
}

impl Members {
    const NONE: Self = Self { containers: Vec::new(), count: 0 };
    /// Words of a container's bitmap.
    const WORDS: usize = 1024;
    /// Number of members from which on a bitmap is not larger than a list.
    const MANY: usize = 4096;

    /// The set of the bits that are set.
    pub(crate) fn of(bitmap: &[u64]) -> Self {
        let mut all = Self::NONE;
        for (index, words) in bitmap.chunks(Self::WORDS).enumerate() {
            let count = words.iter().map(|word| word.count_ones() as usize).sum();
            let container = match count {
                0 => continue,
                1..Self::MANY => Container::Few(members(words).map(|bit| bit as u16).collect()),
                _ => Container::Many(words.into()),
            };
            all.containers.push((index * Self::WORDS, container));
            all.count += count;
        }
        all
    }

    /// Number of members.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Sets the bits of all members.
    pub(crate) fn add_to(&self, bitmap: &mut [u64]) {
        for (start, container) in &self.containers {
            let words = &mut bitmap[*start..];
            match container {
                Container::Few(bits) => {
                    bits.iter().for_each(|bit| words[usize::from(*bit) / 64] |= 1 << (bit % 64));
                }
                Container::Many(theirs) => {
                    words.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine |= theirs);
                }
            }
        }
    }

    /// Calls `each` with every member in ascending order.
    pub(crate) fn each(&self, mut each: impl FnMut(u32)) {
        for (start, container) in &self.containers {
            let first = *start as u32 * 64;
            match container {
                Container::Few(bits) => bits.iter().for_each(|bit| each(first + u32::from(*bit))),
                Container::Many(words) => members(words).for_each(|bit| each(first + bit)),
            }
        }
    }

    fn bytes(&self) -> usize {
        let container = |(_, container): &(usize, Container)| match container {
            Container::Few(bits) => size_of_val(&**bits),
            Container::Many(words) => size_of_val(&**words),
        };
        size_of_val(self.containers.as_slice()) + self.containers.iter().map(container).sum::<usize>()
    }
}

/// The positions of the bits that are set, ascending.
pub(crate) fn members(bitmap: &[u64]) -> impl Iterator<Item = u32> {
    (0..).zip(bitmap).flat_map(|(index, word)| {
        let mut left = *word;
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| index * 64 + left.trailing_zeros())?;
            left &= left - 1;
            Some(bit)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_the_bits_that_were_set() {
        let few = [0, 63, 64, 65_535, 65_536, 400_000];
        let many: Vec<u32> = (200_000..300_000).step_by(3).collect();
        for numbers in [&[], &few[..], &many, &[&few[..5], &many, &few[5..]].concat()] {
            let mut bitmap = vec![0_u64; 6251];
            for number in numbers {
                bitmap[*number as usize / 64] |= 1 << (number % 64);
            }
            let set = Members::of(&bitmap);
            let mut each = Vec::new();
            set.each(|number| each.push(number));
            assert_eq!((each.as_slice(), set.len()), (numbers, numbers.len()));
            let mut other = vec![0; 6300];
            other[3] = 1;
            bitmap[3] |= 1;
            set.add_to(&mut other);
            assert_eq!(other[..bitmap.len()], bitmap);
        }
        assert!(Members::of(&vec![u64::MAX; 4096]).bytes() < 4096 * 8 + 200);
    }
}
